#include "sdk/base/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "sdk/base/units.hpp"

namespace scanflow {

bool lock_patiently(int fd, int patience_ms) {
  constexpr int kTryMs = 10;
  for (int waited_ms = 0;; waited_ms += kTryMs) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
    if (waited_ms >= patience_ms) return false;
    ::usleep(kTryMs * 1000);
  }
}

std::string describe_errno(std::string_view what, const std::filesystem::path& path, int error) {
  return fmt::format("{} {}: {}", what, path.string(), std::generic_category().message(error));
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t most) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(describe_errno("cannot open", path, errno));
  auto content = read_all(fd, path.string(), most);
  ::close(fd);
  return content;
}

Result<std::string> read_regular_file(const std::filesystem::path& path, std::size_t most) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail(describe_errno("cannot open", path, errno));
  struct stat status {};
  const bool regular = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  auto content =
      regular ? read_all(fd, path.string(), most) : fail(path.string() + " is no regular file");
  ::close(fd);
  return content;
}

Result<std::string> read_all(int fd, const std::string& name, std::size_t most) {
  std::string content;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n == 0) return content;
    if (n > 0) {
      if (static_cast<std::size_t>(n) > most - content.size()) {
        return fail(fmt::format("{} has more than {}, the most that is read: is it the right file?",
                                name, format_bytes(most)));
      }
      content.append(buffer, static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      return fail(describe_errno("cannot read", name, errno));
    }
  }
}

namespace {

/// 0: all of it is written; else errno.
int write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0) return errno;
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

Result<void> replace_file(const std::filesystem::path& path, std::string_view content,
                          mode_t mode) {
  std::string temporary = path.string() + ".XXXXXX";
  const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return fail(describe_errno("cannot create", temporary, errno));
  int error = write_all(fd, content);
  if (error == 0 && ::fchmod(fd, mode) != 0) error = errno;
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return {};
  ::unlink(temporary.c_str());
  return fail(describe_errno("cannot write", path, error));
}

constexpr mode_t kUsualMode = 0644;

}  // namespace

Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  return replace_file(path, content, kUsualMode);
}

Result<void> write_where_told(const std::filesystem::path& path, std::string_view content) {
  struct stat there {};
  if (::stat(path.c_str(), &there) != 0) return replace_file(path, content, kUsualMode);
  if (S_ISREG(there.st_mode)) {
    std::error_code error;
    const auto target = std::filesystem::canonical(path, error);
    if (error) return fail(describe_errno("cannot write", path, error.value()));
    return replace_file(target, content, there.st_mode & 07777);
  }
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return fail(describe_errno("cannot write", path, errno));
  int problem = write_all(fd, content);
  if (::close(fd) != 0 && problem == 0) problem = errno;
  if (problem != 0) return fail(describe_errno("cannot write", path, problem));
  return {};
}

}  // namespace scanflow
