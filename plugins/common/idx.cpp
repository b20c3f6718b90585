#include "plugins/common/idx.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>

#include "plugins/common/byte_source.hpp"

namespace scanflow::data {
namespace {

constexpr std::uint32_t kUnsignedBytes = 0x0800;
constexpr std::uint32_t kMaxItems = 10'000'000;
constexpr std::uint32_t kMaxSide = 4'096;
constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;
constexpr std::size_t kReadStep = std::size_t{1} << 20;

class Reader {
 public:
  Reader(const std::filesystem::path& path, std::uint8_t dimensions)
      : name_(path.string()), dimensions_(dimensions), source_(open_bytes(path)) {}

  IdxArray read() {
    check_magic();
    IdxArray array;
    for (unsigned i = 0; i < dimensions_; ++i) array.shape.push_back(dimension(i));
    array.bytes = values(total_of(array.shape), array.shape);
    check_end();
    return array;
  }

 private:
  [[noreturn]] void fail(const std::string& what) {
    source_->verify();
    throw std::runtime_error(fmt::format("{}: {}", name_, what));
  }

  std::uint32_t number(const char* what) {
    std::array<std::uint8_t, 4> bytes{};
    const std::size_t count = source_->read(bytes);
    if (count < bytes.size()) {
      fail(
          fmt::format("data ends at byte {}{}, within the header ({}); an IDX file of {} "
                      "dimension(s) starts with {} bytes of header (truncated?)",
                      position_ + count, source_->where(), what, dimensions_, 4 + 4 * dimensions_));
    }
    position_ += bytes.size();
    return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
           std::uint32_t{bytes[2]} << 8 | std::uint32_t{bytes[3]};
  }

  void check_magic() {
    const std::uint32_t expected = kUnsignedBytes + dimensions_;
    const std::uint32_t found = number("magic number");
    if (found == expected) return;
    std::string hint;
    if (found == kUnsignedBytes + 3) hint = "; this file holds images, not labels";
    if (found == kUnsignedBytes + 1) hint = "; this file holds labels, not images";
    fail(
        fmt::format("magic number 0x{:08x} at byte 0{}, expected 0x{:08x} (unsigned bytes, {} "
                    "dimension(s)){}",
                    found, source_->where(), expected, dimensions_, hint));
  }

  std::uint32_t dimension(unsigned index) {
    const std::uint64_t at = position_;
    const std::uint32_t size = number("sizes");
    const std::uint32_t limit = index == 0 ? kMaxItems : kMaxSide;
    const bool empty_side = index > 0 && size == 0;
    if (size > limit || empty_side) {
      fail(fmt::format("{} is {} at byte {}{}, expected {} to {}",
                       index == 0 ? "the number of items" : "the length of a side",
                       group_digits(size), at, source_->where(), index == 0 ? 0 : 1,
                       group_digits(limit)));
    }
    return size;
  }

  std::uint64_t total_of(const std::vector<std::uint32_t>& shape) {
    std::uint64_t total = 1;  // at most 1e7 * 4096 * 4096: no overflow
    for (const std::uint32_t size : shape) total *= size;
    if (total > kMaxBytes) {
      fail(fmt::format("the header at byte 4{} announces {} bytes, more than the limit of {}",
                       source_->where(), group_digits(total), group_digits(kMaxBytes)));
    }
    return total;
  }

  // Grows with the data that is there: a header that lies costs no memory.
  std::vector<std::uint8_t> values(std::uint64_t total, const std::vector<std::uint32_t>& shape) {
    std::vector<std::uint8_t> bytes;
    while (bytes.size() < total) {
      const std::size_t have = bytes.size();
      const std::size_t want = std::min<std::uint64_t>(std::max(kReadStep, have), total - have);
      bytes.resize(have + want);
      const std::size_t got = source_->read(std::span(bytes).subspan(have));
      position_ += got;
      if (got < want) {
        fail(
            fmt::format("data ends at byte {}{}, but the header announces {} bytes ({} items; "
                        "truncated?)",
                        group_digits(position_), source_->where(),
                        group_digits(total + position_ - have - got), group_digits(shape[0])));
      }
    }
    return bytes;
  }

  void check_end() {
    std::array<std::uint8_t, 1> more{};
    if (source_->read(more) == 0) return;
    fail(fmt::format("more data than the header announces: it should end at byte {}{}",
                     group_digits(position_), source_->where()));
  }

  std::string name_;
  std::uint8_t dimensions_;
  std::unique_ptr<ByteSource> source_;
  std::uint64_t position_ = 0;
};

}  // namespace

IdxArray read_idx(const std::filesystem::path& path, std::uint8_t dimensions) {
  return Reader(path, dimensions).read();
}

void write_idx(const std::filesystem::path& path, std::span<const std::uint32_t> shape,
               std::span<const std::uint8_t> bytes) {
  std::string header{'\0', '\0', '\x08', static_cast<char>(shape.size())};
  for (const std::uint32_t size : shape) {
    for (int shift = 24; shift >= 0; shift -= 8) header.push_back(static_cast<char>(size >> shift));
  }
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(header.data(), static_cast<std::streamsize>(header.size()));
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) {
    throw std::runtime_error(fmt::format("{}: cannot write {} bytes: {}", path.string(),
                                         group_digits(header.size() + bytes.size()),
                                         std::generic_category().message(errno)));
  }
}

}  // namespace scanflow::data
