// Runs a program as a filter: text in, text out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::cli {

struct Piped {
  int exit_code = 0;  // 128 + the signal's number where one ended it
  std::string output;
  std::string errors;  // what it wrote to stderr
};

/// Finds argv[0] on PATH, gives it `input` on stdin, waits for its end. Errors: it is not there, or
/// cannot be started.
Result<Piped> pipe_program(const std::vector<std::string>& argv, std::string_view input);

}  // namespace scanflow::cli
