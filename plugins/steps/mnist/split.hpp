// Splits a dataset into disjoint parts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace scanflow::mnist {

/// How much goes into each part: shares of the whole (each 0 to 1, together at most 1), or, as soon
/// as one is above 1, numbers of digits.
struct Parts {
  double train = 0.72;
  double validation = 0.08;
  double test = 0.20;
};

struct Counts {
  std::size_t train = 0;
  std::size_t validation = 0;
  std::size_t test = 0;
};

/// What the parts mean for `total` digits. Throws std::runtime_error where they are too much, where
/// shares and numbers are mixed, and where the training part would be empty.
Counts count_parts(const Parts& parts, std::size_t total);

struct Split {
  std::vector<std::size_t> train;
  std::vector<std::size_t> validation;
  std::vector<std::size_t> test;
};

/// Positions 0..total-1, no two alike, in an order that `seed` gives. The counts must fit.
Split split(const Counts& counts, std::size_t total, std::uint64_t seed);

}  // namespace scanflow::mnist
