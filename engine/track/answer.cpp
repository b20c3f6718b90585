#include "engine/track/answer.hpp"

namespace scanflow::track {

const char* name_of(Code code) {
  switch (code) {
    case Code::invalid:
      return "INVALID_PARAMETER_VALUE";
    case Code::does_not_exist:
      return "RESOURCE_DOES_NOT_EXIST";
    case Code::exists_already:
      return "RESOURCE_ALREADY_EXISTS";
      return "INVALID_STATE";
    case Code::unavailable:
      return "TEMPORARILY_UNAVAILABLE";
    case Code::internal:
      break;
  }
  return "INTERNAL_ERROR";
}

int http_status(Code code) {
  switch (code) {
    case Code::invalid:
    case Code::exists_already:
      return 400;
    case Code::does_not_exist:
      return 404;
    case Code::unavailable:
      return 503;
    case Code::internal:
      break;
  }
  return 500;
}

}  // namespace scanflow::track
