#include "sdk/base/uuid.hpp"

#include <sys/random.h>

#include <array>
#include <charconv>
#include <stdexcept>

#include "sdk/base/digest.hpp"

namespace scanflow {

namespace {

using Bytes = std::array<unsigned char, 16>;

std::string format(Bytes bytes, std::int64_t unix_ms) {
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

}  // namespace

std::string uuid_v7(std::int64_t unix_ms) {
  Bytes bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw std::runtime_error("getrandom failed");
  }
  return format(bytes, unix_ms);
}

std::string uuid_v7(std::int64_t unix_ms, std::string_view name) {
  const std::string digest = sha256_hex(name);
  Bytes bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::from_chars(&digest[2 * i], &digest[2 * i] + 2, bytes[i], 16);
  }
  return format(bytes, unix_ms);
}

std::string short_id(const std::string& uuid) { return uuid.substr(0, 18); }

}  // namespace scanflow
