// The segments that attempts write their output to: LOG_DIR/SLOT.log, opened once and kept.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <utility>

#include "sdk/base/result.hpp"
#include "sdk/base/unique_fd.hpp"

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

/// The last line of the text that is not blank, at most 200 bytes; empty where there is none.
std::string last_line(std::string_view text);

}  // namespace scanflow::worker
