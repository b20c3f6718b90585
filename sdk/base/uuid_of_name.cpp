// Apart from the others: whoever names nothing needs no SHA-256, and no library for it.
#include <charconv>

#include "sdk/base/digest.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow {

std::string uuid_v7(std::int64_t unix_ms, std::string_view name) {
  const std::string digest = sha256_hex(name);
  UuidBits bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::from_chars(&digest[2 * i], &digest[2 * i] + 2, bytes[i], 16);
  }
  return uuid_v7(unix_ms, bytes);
}

}  // namespace scanflow
