// The classes with the highest scores. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace scanflow::serving {

struct TopK {
  std::vector<std::int64_t> classes;  // k for each row, the highest score first
  std::vector<float> scores;
};

/// scores: rows of `columns` values; k at most columns. `softmax`: they are logits, and become
/// probabilities. Of equal scores the lower class goes first; what is not a number goes last.
TopK top_k(std::span<const float> scores, std::size_t columns, std::size_t k, bool softmax);

}  // namespace scanflow::serving
