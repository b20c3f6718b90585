// Finds the IDX files of a directory.
#pragma once

#include <filesystem>
#include <vector>

#include "plugins/common/digit_set.hpp"

namespace scanflow::mnist {

struct Pair {
  std::filesystem::path images;
  std::filesystem::path labels;
};

/// The pairs of images and labels there: train-*, t10k-* and without prefix, each plain or .gz,
/// with
/// '-' or '.' before "idx". Throws std::runtime_error where there is none, or half of one.
std::vector<Pair> locate(const std::filesystem::path& directory);

/// All digits of all pairs, in the order of locate.
data::DigitSet read_directory(const std::filesystem::path& directory);

}  // namespace scanflow::mnist
