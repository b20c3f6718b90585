#include "sidecar/collect/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace scanflow::collect {

Directory Directory::open(const char* path) {
  return Directory(::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
}

Directory Directory::open(const Directory& parent, const char* path) {
  return Directory(::openat(parent.fd(), path, O_PATH | O_DIRECTORY | O_CLOEXEC));
}

std::pair<std::uint64_t, std::uint64_t> Directory::identity() const {
  struct stat status {};
  if (fd_ < 0 || ::fstat(fd_, &status) != 0) return {0, 0};
  return {status.st_dev, status.st_ino};
}

Directory::~Directory() {
  if (fd_ >= 0) ::close(fd_);
}

Text FileBuffer::read(const Directory& directory, const char* name) {
  return directory ? read_at(directory.fd(), name) : Text{{}, ENOENT};
}

Text FileBuffer::read(const char* path) { return read_at(AT_FDCWD, path); }

Text FileBuffer::read_at(int directory, const char* path) {
  const int fd = ::openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return {{}, errno};
  std::size_t size = 0;
  int error = 0;
  for (;;) {
    if (size == bytes_.size()) {
      if (size >= kMost) break;
      bytes_.resize(std::min(size * 2, kMost));
    }
    const ssize_t n = ::read(fd, bytes_.data() + size, bytes_.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) error = errno;
    if (n <= 0) break;
    size += static_cast<std::size_t>(n);
  }
  ::close(fd);
  if (error != 0) return {{}, error};
  std::string_view text(bytes_.data(), size);
  if (size == kMost) text = text.substr(0, text.rfind('\n') + 1);
  return {text, 0};
}

bool is_gone(int error) { return error == ESRCH || error == ENOENT || error == ENODEV; }

}  // namespace scanflow::collect
