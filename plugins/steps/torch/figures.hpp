// What predictions are worth: accuracy, confusion matrix, per-class figures. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "plugins/common/digit_set.hpp"

namespace scanflow::cnn {

struct ClassFigures {
  std::int64_t count = 0;  // digits that are of this class
  double precision = 0;    // of those called so, the share that is; 0 where none was called so
  double recall = 0;       // of those that are, the share called so; 0 where there is none
  double f1 = 0;
};

/// One digit that was taken for another.
struct Mistake {
  std::size_t position = 0;  // in the dataset
  std::uint8_t label = 0;
  std::uint8_t predicted = 0;
  double confidence = 0;        // in what was predicted, 0 to 1
  double label_confidence = 0;  // in what would have been right
};

struct Figures {
  std::int64_t count = 0;
  double accuracy = 0;
  /// [label][predicted]
  std::array<std::array<std::int64_t, data::kClasses>, data::kClasses> confusion{};
  std::array<ClassFigures, data::kClasses> classes{};
  std::vector<Mistake> mistakes;  // the most confident first
};

/// probabilities: kClasses for each label.
Figures figures_of(std::span<const float> probabilities, std::span<const std::uint8_t> labels);

}  // namespace scanflow::cnn
