// SHA-256 (FIPS 180-4), by OpenSSL.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "sdk/base/result.hpp"

namespace scanflow {

/// Feeds bytes in pieces; `hex` ends it and gives 64 lower-case hex digits.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::string_view bytes);
  std::string hex();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

std::string sha256_hex(std::string_view bytes);
/// Reads the file in pieces, in constant memory.
Result<std::string> sha256_file(const std::filesystem::path& path);
/// Has it the form of one?
inline bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace scanflow
