#include "plugins/steps/torch/figures.hpp"

#include <gtest/gtest.h>

namespace scanflow::cnn {
namespace {

/// The probabilities of a model that gives `predicted` with `confidence`, the rest to the next
/// class.
std::vector<float> says(const std::vector<std::pair<int, float>>& predictions) {
  std::vector<float> out;
  for (const auto& [predicted, confidence] : predictions) {
    std::vector<float> row(data::kClasses, 0.0F);
    row.at(static_cast<std::size_t>(predicted)) = confidence;
    row.at(static_cast<std::size_t>((predicted + 1) % data::kClasses)) = 1 - confidence;
    out.insert(out.end(), row.begin(), row.end());
  }
  return out;
}

TEST(Figures, CountsByHand) {
  // Three ones, of which one is read as seven; two sevens, both right.
  const std::vector<std::uint8_t> labels{1, 1, 1, 7, 7};
  const Figures figures =
      figures_of(says({{1, .9F}, {7, .8F}, {1, .7F}, {7, .6F}, {7, .95F}}), labels);
  EXPECT_EQ(figures.count, 5);
  EXPECT_DOUBLE_EQ(figures.accuracy, 0.8);
  EXPECT_EQ(figures.confusion[1][1], 2);
  EXPECT_EQ(figures.confusion[1][7], 1);
  EXPECT_EQ(figures.confusion[7][7], 2);
  EXPECT_EQ(figures.classes[1].count, 3);
  EXPECT_DOUBLE_EQ(figures.classes[1].precision, 1.0);
  EXPECT_DOUBLE_EQ(figures.classes[1].recall, 2.0 / 3);
  EXPECT_DOUBLE_EQ(figures.classes[1].f1, 0.8);
  EXPECT_DOUBLE_EQ(figures.classes[7].precision, 2.0 / 3);
  EXPECT_DOUBLE_EQ(figures.classes[7].recall, 1.0);
  EXPECT_DOUBLE_EQ(figures.classes[0].f1, 0.0);  // never there, never said: no division by zero
}

TEST(Figures, MistakesMostConfidentFirst) {
  const std::vector<std::uint8_t> labels{3, 4, 5, 6};
  const Figures figures = figures_of(says({{2, .6F}, {4, .9F}, {8, .99F}, {5, .7F}}), labels);
  ASSERT_EQ(figures.mistakes.size(), 3U);
  EXPECT_EQ(figures.mistakes[0].position, 2U);
  EXPECT_EQ(figures.mistakes[0].label, 5);
  EXPECT_EQ(figures.mistakes[0].predicted, 8);
  EXPECT_FLOAT_EQ(static_cast<float>(figures.mistakes[0].confidence), .99F);
  EXPECT_EQ(figures.mistakes[1].position, 3U);
  EXPECT_FLOAT_EQ(static_cast<float>(figures.mistakes[1].label_confidence), .3F);
  EXPECT_EQ(figures.mistakes[2].position, 0U);
}

TEST(Figures, OfNothing) {
  const Figures figures = figures_of({}, {});
  EXPECT_EQ(figures.count, 0);
  EXPECT_EQ(figures.accuracy, 0.0);
}

}  // namespace
}  // namespace scanflow::cnn
