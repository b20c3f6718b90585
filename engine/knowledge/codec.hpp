// Samples as few bits: "Gorilla: A Fast, Scalable, In-Memory Time Series Database" (Pelkonen and
// others, VLDB 2015), section 4.1. Pure.
//
// Times: the difference of differences, here of microseconds instead of seconds, so with buckets of
// our own: 0 (1 bit), within 256 us (11 bits: the jitter of a timer), within 4 ms (16 bits: also
// that of times in milliseconds), within half a second (24), 35 minutes (37), anything (69).
// Values: XOR with the one before, as in the paper; a window of meaningful bits is left also when a
// new one is cheaper.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/knowledge/bits.hpp"
#include "engine/knowledge/types.hpp"

namespace scanflow::knowledge {

/// Differences wrap around: any time may follow any other.
struct TimeState {
  std::int64_t last_us = 0;
  std::uint64_t delta = 0;
};
void write_time(BitWriter& out, TimeState& state, std::int64_t time_us);
std::int64_t read_time(BitReader& in, TimeState& state);

/// Which bits of the last XOR were meaningful; length 0: there was none yet.
struct XorWindow {
  std::uint8_t leading = 0;
  std::uint8_t length = 0;
};
/// `bits`: the value's, XOR what was foretold.
void write_xor(BitWriter& out, XorWindow& window, std::uint64_t bits);
std::uint64_t read_xor(BitReader& in, XorWindow& window);

/// What the next sample of a block is told by.
struct SampleState {
  TimeState time;
  std::uint64_t bits = 0;  // of the value before
  XorWindow window;
};

/// Changes neither `out` nor `state` where the sample does not fit: then false.
bool write_sample(BitWriter& out, SampleState& state, const Sample& sample);

/// Reads `count` samples, the first of them told from `base_us`.
class SampleReader {
 public:
  SampleReader(BitReader in, std::int64_t base_us, std::size_t count) : in_(in), left_(count) {
    state_.time.last_us = base_us;
  }
  /// False at the end.
  bool next(Sample& sample);

 private:
  BitReader in_;
  SampleState state_;
  std::size_t left_;
};

}  // namespace scanflow::knowledge
