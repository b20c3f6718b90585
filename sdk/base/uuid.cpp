#include "sdk/base/uuid.hpp"

#include <sys/random.h>

#include <stdexcept>

namespace scanflow {

std::string uuid_v7(std::int64_t unix_ms, UuidBits bytes) {
  for (int i = 0; i < 6; ++i) {
    bytes[static_cast<std::size_t>(i)] = static_cast<unsigned char>(unix_ms >> (40 - 8 * i));
  }
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x70);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

std::string uuid_v7(std::int64_t unix_ms) {
  UuidBits bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw std::runtime_error("getrandom failed");
  }
  return uuid_v7(unix_ms, bytes);
}

std::string short_id(const std::string& uuid) { return uuid.substr(0, 18); }

}  // namespace scanflow
