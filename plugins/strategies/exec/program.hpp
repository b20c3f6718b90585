// Runs a program for a moment: text in, text out, and nothing of it is left.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace scanflow::strategies {

struct ProgramCall {
  std::vector<std::string> argv;         // argv[0] is looked for on PATH
  std::vector<std::string> environment;  // NAME=value, over this process's own
  std::string input;
  std::chrono::milliseconds timeout{900};
  std::size_t most_output = std::size_t{1} << 20;  // bytes
};

struct ProgramAnswer {
  enum class How { ended, late, too_long };
  How how = How::ended;
  int status = 0;   // of one that ended; 128 + the signal's number where one ended it
  std::string out;  // up to most_output
  std::string err;  // its last 4 KiB
};

/// In a process group of its own, which is killed when it has ended, is late, or says too much; it gets no descriptor beside 0, 1
/// and 2, no blocked signal, and is killed too when the calling thread ends. What leaves its group (setsid) lives on.
/// Throws std::runtime_error where it cannot be started: which program, and why. Blocks; of any thread.
ProgramAnswer call_program(const ProgramCall& call);

}  // namespace scanflow::strategies
