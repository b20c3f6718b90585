// A line in the worker's own log (its stderr). Never fails: where the disk is full there is nobody
// to tell.
#pragma once

#include <unistd.h>

#include <string>

namespace scanflow::worker {

inline void note(const std::string& text) {
  const std::string line = "scanflow-worker: " + text + "\n";
  [[maybe_unused]] const ssize_t written = ::write(2, line.data(), line.size());
}

}  // namespace scanflow::worker
