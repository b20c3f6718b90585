// The segments that attempts write their output to: LOG_DIR/SLOT.log, opened once and kept.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <utility>

#include "engine/worker/unique_fd.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::worker {

class Logs {
 public:
  /// A descriptor for appending; valid until the next call, and in processes that inherited it.
  /// Makes `directory` where it is missing.
  struct Segment {
    int fd;
    std::uint64_t size;  // bytes
  };
  Result<Segment> open(const std::string& directory, const std::string& segment);

 private:
  struct Entry {
    std::string path;
    UniqueFd fd;
  };
  std::list<Entry> recent_;  // the latest first
};

/// The last line that is not blank of what lies in [offset, offset + length), at most 200 bytes;
/// empty where there is none.
std::string last_log_line(int fd, std::uint64_t offset, std::uint64_t length);

}  // namespace scanflow::worker
