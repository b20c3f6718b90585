#include "engine/http/body_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "sdk/base/files.hpp"

namespace scanflow::http {

BodyFile::~BodyFile() {
  std::error_code ignored;  // what stays is removed when the next server starts
  std::filesystem::remove(path, ignored);
}

Result<std::shared_ptr<const OpenFile>> OpenFile::open(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return fail(describe_errno("cannot open", path, errno));
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(fd);
    return fail(path.string() + " is no file");
  }
  return std::shared_ptr<const OpenFile>(
      new OpenFile(path, fd, static_cast<std::uint64_t>(status.st_size)));
}

OpenFile::~OpenFile() { ::close(fd_); }

Result<std::string> OpenFile::read(std::uint64_t offset, std::size_t most) const {
  std::string bytes(most, '\0');
  ssize_t n = 0;
  do {
    n = ::pread(fd_, bytes.data(), most, static_cast<off_t>(offset));
  } while (n < 0 && errno == EINTR);
  if (n < 0) return fail(describe_errno("cannot read", path_, errno));
  bytes.resize(static_cast<std::size_t>(n));
  return bytes;
}

}  // namespace scanflow::http
