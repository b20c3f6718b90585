// The real digits of MNIST's test half, where they are at hand.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <vector>

#include "plugins/common/digit_set.hpp"
#include "plugins/common/random.hpp"

namespace scanflow::test {

constexpr const char* kNoRealDigits =
    "set SCANFLOW_DATA to a directory with t10k-images-idx3-ubyte.gz";

/// 10,000 of them, shuffled (the file has the harder writers in its second half); none where
/// SCANFLOW_DATA names no directory that has them.
inline data::DigitSet real_digits() {
  const char* variable = std::getenv("SCANFLOW_DATA");
  if (variable == nullptr) return {};
  const std::filesystem::path from = variable;
  const auto images = from / "t10k-images-idx3-ubyte.gz";
  if (!std::filesystem::exists(images)) return {};
  const auto digits = data::read_digits(images, from / "t10k-labels-idx1-ubyte.gz");
  std::vector<std::size_t> order(digits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  data::Random(1).shuffle(order);
  return digits.select(order);
}

/// Writes digits first .. end - 1 as a dataset, and gives its directory.
inline std::filesystem::path write_part(const data::DigitSet& digits, std::size_t first,
                                        std::size_t end, const std::filesystem::path& directory) {
  std::vector<std::size_t> positions;
  for (std::size_t i = first; i < end; ++i) positions.push_back(i);
  std::filesystem::create_directories(directory);
  data::write_dataset(directory, digits.select(positions));
  return directory;
}

}  // namespace scanflow::test
