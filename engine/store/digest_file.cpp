#include "engine/store/digest_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>

#include "sdk/base/digest.hpp"
#include "sdk/base/files.hpp"

namespace scanflow::store {

namespace fs = std::filesystem;

namespace {

Result<void> write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(std::generic_category().message(errno));
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

Result<std::string> digest_file(const fs::path& path, int copy_to) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) return fail(describe_errno("cannot read", path, errno));
  Sha256 hash;
  std::string buffer(1 << 17, '\0');
  Result<void> copied;
  ssize_t n = 0;
  while ((n = ::read(descriptor, buffer.data(), buffer.size())) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    const auto bytes = std::string_view(buffer).substr(0, static_cast<std::size_t>(n));
    hash.update(bytes);
    if (copy_to >= 0 && !(copied = write_all(copy_to, bytes))) break;
  }
  const int error = errno;
  ::close(descriptor);
  if (!copied)
    return fail(fmt::format("cannot copy {}: {}", path.string(), copied.error().message));
  if (n < 0) return fail(describe_errno("cannot read", path, error));
  return hash.hex();
}

}  // namespace scanflow::store
