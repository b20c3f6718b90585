#include "engine/knowledge/codec.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace scanflow::knowledge {
namespace {

/// The n-th has n ones, a zero, and a number of so many bits in two's complement. After the last
/// comes one without a zero, of 64 bits.
constexpr std::array<unsigned, 5> kTimeBits = {0, 9, 13, 20, 32};

/// The paper's: 5 bits for how many zeros lead (31 at most), 6 for how many bits follow (0 is 64).
constexpr unsigned kMostLeading = 31, kWindowBits = 11;

bool fits(std::int64_t value, unsigned bits) {
  const std::int64_t half = std::int64_t{1} << (bits - 1);
  return value >= -half && value < half;
}

}  // namespace

void write_time(BitWriter& out, TimeState& state, std::int64_t time_us) {
  const std::uint64_t delta =
      static_cast<std::uint64_t>(time_us) - static_cast<std::uint64_t>(state.last_us);
  const auto change = static_cast<std::int64_t>(delta - state.delta);
  state = {time_us, delta};
  if (change == 0) return out.write(0, 1);
  for (unsigned ones = 1; ones < kTimeBits.size(); ++ones) {
    const unsigned bits = kTimeBits[ones];
    if (!fits(change, bits)) continue;
    const std::uint64_t prefix = (std::uint64_t{1} << (ones + 1)) - 2;
    const std::uint64_t low = static_cast<std::uint64_t>(change) << (64 - bits) >> (64 - bits);
    return out.write(prefix << bits | low, ones + 1 + bits);
  }
  out.write((1u << kTimeBits.size()) - 1, kTimeBits.size());
  out.write(static_cast<std::uint64_t>(change), 64);
}

std::int64_t read_time(BitReader& in, TimeState& state) {
  const unsigned ones = in.read_ones(kTimeBits.size());
  std::uint64_t change = 0;
  if (ones == kTimeBits.size()) {
    change = in.read(64);
  } else if (ones > 0) {
    const unsigned bits = kTimeBits[ones];
    const std::uint64_t sign = std::uint64_t{1} << (bits - 1);
    change = (in.read(bits) ^ sign) - sign;
  }
  state.delta += change;
  state.last_us =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(state.last_us) + state.delta);
  return state.last_us;
}

void write_xor(BitWriter& out, XorWindow& window, std::uint64_t bits) {
  if (bits == 0) return out.write(0, 1);
  const unsigned leading = std::min<unsigned>(std::countl_zero(bits), kMostLeading);
  const auto trailing = static_cast<unsigned>(std::countr_zero(bits));
  const unsigned length = 64 - leading - trailing;
  const unsigned before = 64u - window.leading - window.length;  // zeros that trailed before
  if (window.length > 0 && leading >= window.leading && trailing >= before &&
      window.length <= length + kWindowBits) {
    out.write(0b10, 2);
    return out.write(bits >> before, window.length);
  }
  out.write(0b11u << kWindowBits | leading << 6 | (length & 63), 2 + kWindowBits);
  out.write(bits >> trailing, length);
  window = {static_cast<std::uint8_t>(leading), static_cast<std::uint8_t>(length)};
}

std::uint64_t read_xor(BitReader& in, XorWindow& window) {
  const unsigned ones = in.read_ones(2);
  if (ones == 0) return 0;
  if (ones == 2) {
    const auto header = static_cast<unsigned>(in.read(kWindowBits));
    const unsigned length = header & 63;
    window = {static_cast<std::uint8_t>(header >> 6),
              static_cast<std::uint8_t>(length == 0 ? 64 : length)};
  }
  const unsigned trailing = 64u - window.leading - window.length;
  return in.read(window.length) << trailing;
}

bool write_sample(BitWriter& out, SampleState& state, const Sample& sample) {
  const std::size_t start = out.bits();
  SampleState next = state;
  const auto bits = std::bit_cast<std::uint64_t>(sample.value);
  write_time(out, next.time, sample.time_us);
  write_xor(out, next.window, bits ^ state.bits);
  if (out.overflowed()) {
    out.truncate(start);
    return false;
  }
  next.bits = bits;
  state = next;
  return true;
}

bool SampleReader::next(Sample& sample) {
  if (left_ == 0) return false;
  --left_;
  sample.time_us = read_time(in_, state_.time);
  state_.bits ^= read_xor(in_, state_.window);
  sample.value = std::bit_cast<double>(state_.bits);
  return true;
}

}  // namespace scanflow::knowledge
