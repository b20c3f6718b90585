// IDX, the format of the MNIST files (Y. LeCun): two zero bytes, a type (0x08: unsigned bytes), the
// number of dimensions, each dimension as a big-endian u32, then the values, last dimension
// fastest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace scanflow::data {

struct IdxArray {
  std::vector<std::uint32_t> shape;
  std::vector<std::uint8_t> bytes;  // as many as the product of the shape
};

/// Reads a whole file, plain or gzip, of exactly this many dimensions (images 3, labels 1). Throws
/// std::runtime_error naming file, fault and byte: wrong magic number, a length that is not what
/// the header says (short or long), a header beyond 10,000,000 items, 4,096 a side or 1 GiB in all.
IdxArray read_idx(const std::filesystem::path& path, std::uint8_t dimensions);

/// Writes a plain file. Throws std::runtime_error naming the file and the system's reason.
void write_idx(const std::filesystem::path& path, std::span<const std::uint32_t> shape,
               std::span<const std::uint8_t> bytes);

}  // namespace scanflow::data
