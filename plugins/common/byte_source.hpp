// The bytes of a file, plain or gzip, one piece after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace scanflow::data {

/// Throws std::runtime_error naming the file, what is wrong and at which byte.
class ByteSource {
 public:
  ByteSource() = default;
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  /// Fills `out` unless the data ends before; answers how many bytes it gave.
  virtual std::size_t read(std::span<std::uint8_t> out) = 0;
  /// What a position in these bytes is called in a message: "" or " of the uncompressed data".
  virtual std::string where() const = 0;
  /// Reads the rest (a GiB of it at most) and throws where that shows that the file is damaged:
  /// then what is wrong with its content follows from that. Plain data cannot tell.
  virtual void verify() {}
};

/// 41203 -> "41,203", as positions and counts are shown to people.
std::string group_digits(std::uint64_t number);

/// Tells gzip from plain by its first two bytes, whatever the name.
std::unique_ptr<ByteSource> open_bytes(const std::filesystem::path& path);

}  // namespace scanflow::data
