// Reading small kernel files without leaving anything behind: one buffer for all of them, and
// directories kept open, so that a file costs three system calls and no path of many parts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace scanflow::collect {

/// A directory held open (O_PATH). One of /proc/PID stays with its process: once that is gone, its
/// files answer ESRCH, also when the number belongs to another. Owns the descriptor.
class Directory {
 public:
  Directory() = default;
  /// Not open where it cannot be; errno says why.
  static Directory open(const char* path);
  static Directory open(const Directory& parent, const char* path);
  Directory(Directory&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Directory& operator=(Directory&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Directory();

  explicit operator bool() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  /// Device and inode: which directory it is, by whatever path it was opened. 0, 0 where it is not open.
  std::pair<std::uint64_t, std::uint64_t> identity() const;

 private:
  explicit Directory(int fd) : fd_(fd) {}
  int fd_ = -1;
};

/// What reading came to. `text` is valid until the buffer's next use.
struct Text {
  std::string_view text;
  int error = 0;  // errno; then there is no text
  explicit operator bool() const { return error == 0; }
};

/// The buffer. It grows to what the largest file needs, at most kMost; of longer ones there is the
/// beginning, up to the end of a line. Not thread-safe.
class FileBuffer {
 public:
  static constexpr std::size_t kMost = 1u << 20;

  /// Each a whole file. A file that is empty is no error.
  Text read(const Directory& directory, const char* name);
  Text read(const char* path);

 private:
  Text read_at(int directory, const char* path);
  std::vector<char> bytes_ = std::vector<char>(8192);
};

/// Is it "the process has ended"? Then nothing is wrong, and nothing is said.
bool is_gone(int error);

}  // namespace scanflow::collect
