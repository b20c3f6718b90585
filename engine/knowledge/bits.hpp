// A stream of bits in an array of words, highest bit first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace scanflow::knowledge {

/// Appends to words that are zero beyond `bits`; does not own them.
class BitWriter {
 public:
  BitWriter(std::span<std::uint64_t> words, std::size_t bits) : words_(words), bits_(bits) {}

  /// The low `count` (1 to 64) bits of `value`, whose others are zero. What does not fit is left
  /// out, and overflowed() tells.
  void write(std::uint64_t value, unsigned count) {
    if (bits_ + count > words_.size() * 64) {
      overflowed_ = true;
      return;
    }
    const std::size_t word = bits_ / 64;
    const auto room = static_cast<unsigned>(64 - bits_ % 64);
    if (count <= room) {
      words_[word] |= value << (room - count);
    } else {
      words_[word] |= value >> (count - room);
      words_[word + 1] |= value << (64 - (count - room));
    }
    bits_ += count;
  }

  /// Takes back all but the first `bits`.
  void truncate(std::size_t bits) {
    if (bits < bits_ && bits % 64 != 0) words_[bits / 64] &= ~std::uint64_t{0} << (64 - bits % 64);
    for (std::size_t word = (bits + 63) / 64; word * 64 < bits_; ++word) words_[word] = 0;
    bits_ = bits;
    overflowed_ = false;
  }

  std::size_t bits() const { return bits_; }
  bool overflowed() const { return overflowed_; }

 private:
  std::span<std::uint64_t> words_;
  std::size_t bits_;
  bool overflowed_ = false;
};

class BitReader {
 public:
  explicit BitReader(std::span<const std::uint64_t> words) : words_(words) {}

  /// 1 to 64 bits. Beyond the end there are zeros.
  std::uint64_t read(unsigned count) {
    if (at_ + count > words_.size() * 64) return 0;
    const std::size_t word = at_ / 64;
    const auto offset = static_cast<unsigned>(at_ % 64);
    std::uint64_t value = words_[word] << offset;
    if (offset + count > 64) value |= words_[word + 1] >> (64 - offset);
    at_ += count;
    return value >> (64 - count);
  }

  /// How many ones come before the next zero, of at most `limit`; the zero is read too.
  unsigned read_ones(unsigned limit) {
    unsigned ones = 0;
    while (ones < limit && read(1) != 0) ++ones;
    return ones;
  }

  std::size_t at() const { return at_; }

 private:
  std::span<const std::uint64_t> words_;
  std::size_t at_ = 0;
};

}  // namespace scanflow::knowledge
