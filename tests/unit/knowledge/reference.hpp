// The slow way to answer: all samples are kept, and looked at.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "engine/knowledge/query.hpp"
#include "tests/support/seconds.hpp"

namespace scanflow::knowledge {

/// A time of this century, and the beginning of a bucket of any width that tests use.
inline constexpr std::int64_t kStart = 1'780'000'200 * kSecond;

struct ReferenceSeries {
  Labels labels;
  Kind kind = Kind::gauge;
  std::vector<Sample> samples;
};

/// `function` as query.hpp describes it, of raw samples.
std::optional<double> reference(const std::vector<ReferenceSeries>& all, const Query& query,
                                std::int64_t now_us);

/// Values as metrics have them: constant, small integers, noise, now and then a special one. Of a
/// counter: growing, with resets.
class Values {
 public:
  Values(Kind kind, std::uint64_t seed);
  double next();

 private:
  Kind kind_;
  std::mt19937_64 random_;
  int shape_;
  double last_ = 0;
};

}  // namespace scanflow::knowledge
