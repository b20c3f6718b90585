// Runs a program to its end: arguments and input in, what it said out. Blocks; of any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace scanflow::worker {

struct Invocation {
  std::vector<std::string> argv;         // argv[0] is looked for on PATH
  std::vector<std::string> environment;  // NAME=value, over this process's own
  std::string input;
  std::filesystem::path directory;  // where it runs; empty: here
  std::chrono::milliseconds deadline = std::chrono::seconds(60);
};

struct Ended {
  int status = 0;  // 128 + the signal's number where one ended it
  std::string out, err;
};

struct NotRun {
  enum class Why { absent, late, stopped, other };
  Why why = Why::other;
  std::string message;
};

/// Failures: the program is absent, cannot be started, or was ended because of the deadline or
/// `stop` (SIGTERM, and SIGKILL after 5 s). What it has left to live on is not waited for, nor killed.
tl::expected<Ended, NotRun> run_program(const Invocation& command,
                                        const std::stop_token& stop = {});

/// The file that a program's name means on this process's PATH; empty: none.
std::string find_program(const std::string& name);
/// This process's environment with others in it.
std::vector<std::string> environment_with(const std::vector<std::string>& others);

}  // namespace scanflow::worker
