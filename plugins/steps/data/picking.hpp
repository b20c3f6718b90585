// Which items of a stream are worth a label. Pure, but for the files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace scanflow::picking {

/// The artifact scores of detector.score.
struct Scores {
  double threshold = 0;
  std::vector<double> values;  // infinite where it was not a number
};
/// Throws std::runtime_error where the file is none.
Scores read_scores(const std::filesystem::path& file);

/// Positions of the highest scores, the highest first, the earlier one of equal ones; at most `limit`
/// (0: all).
std::vector<std::size_t> highest(const std::vector<double>& scores, std::size_t limit);
/// Positions of scores above `threshold`, in their order.
std::vector<std::size_t> above(const std::vector<double>& scores, double threshold);
/// `limit` (0: all) of these positions, each as likely as the others, in a random order.
std::vector<std::size_t> at_random(std::vector<std::size_t> positions, std::size_t limit,
                                   std::uint64_t seed);
/// Those that are not among `taken`, in their order.
std::vector<std::size_t> without(std::vector<std::size_t> positions,
                                 const std::vector<std::size_t>& taken);
/// 0 .. count - 1.
std::vector<std::size_t> all_of(std::size_t count);

/// Positions in a dataset of `of` items: {"format": "scanflow.indices/1", "of": 1000, "indices": [3]}.
struct Indices {
  std::size_t of = 0;
  std::vector<std::size_t> positions;
};
void write_indices(const std::filesystem::path& file, const Indices& indices);
/// Throws std::runtime_error where the file is none, or a position lies beyond `of`.
Indices read_indices(const std::filesystem::path& file);
/// What tells the items of a dataset apart, in order: {"format": "scanflow.ids/1", "ids": [17]}. Throws
/// std::runtime_error where the file is none, or an id is below 0.
std::vector<std::size_t> read_ids(const std::filesystem::path& file);

}  // namespace scanflow::picking
