#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "engine/hub/bulk_transfers.hpp"
#include "sdk/base/digest.hpp"

namespace scanflow::hub {
namespace {

class OpenSslHasher : public bulk::Hasher {
 public:
  void update(std::string_view bytes) override { digest_.update(bytes); }
  std::string hex() override { return digest_.hex(); }

 private:
  Sha256 digest_;
};

}  // namespace

std::unique_ptr<bulk::Hasher> openssl_hasher() { return std::make_unique<OpenSslHasher>(); }

Result<void> feed(bulk::Hasher& hasher, int file, std::uint64_t bytes) {
  std::string buffer(bulk::kChunkBytes, '\0');
  for (std::uint64_t at = 0; at < bytes;) {
    const ssize_t got =
        ::pread(file, buffer.data(), std::min<std::uint64_t>(buffer.size(), bytes - at),
                static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return fail(fmt::format("what came before cannot be read: {}", std::strerror(errno)));
    hasher.update({buffer.data(), static_cast<std::size_t>(got)});
    at += static_cast<std::uint64_t>(got);
  }
  return {};
}

}  // namespace scanflow::hub
