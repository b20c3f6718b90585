// What a call throws.
#pragma once

#include <exception>
#include <string>

namespace scanflow::test {

/// The message of what `call` throws, or "nothing was thrown".
template <class Call>
std::string error_of(const Call& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace scanflow::test
