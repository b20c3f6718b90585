// What the tracker answers: a value, or a problem in the terms of MLflow's REST API.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace scanflow::track {

/// As "error_code" says it.
enum class Code {
  invalid,         // INVALID_PARAMETER_VALUE: 400
  does_not_exist,  // RESOURCE_DOES_NOT_EXIST: 404
  exists_already,  // RESOURCE_ALREADY_EXISTS: 400
  unavailable,     // TEMPORARILY_UNAVAILABLE: 503
  internal,        // INTERNAL_ERROR: 500
};

struct Problem {
  Code code = Code::internal;
  std::string message;
};

template <class T>
using Answer = tl::expected<T, Problem>;

inline tl::unexpected<Problem> invalid(std::string message) {
  return tl::unexpected<Problem>({Code::invalid, std::move(message)});
}
inline tl::unexpected<Problem> does_not_exist(std::string message) {
  return tl::unexpected<Problem>({Code::does_not_exist, std::move(message)});
}
inline tl::unexpected<Problem> exists_already(std::string message) {
  return tl::unexpected<Problem>({Code::exists_already, std::move(message)});
}

const char* name_of(Code code);
int http_status(Code code);

}  // namespace scanflow::track
