// data.corrupt: its core, and through the boundary.
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "plugins/steps/data/corruptions.hpp"
#include "plugins/steps/digits/drawing.hpp"
#include "tests/support/error_of.hpp"
#include "tests/support/step_run.hpp"

namespace scanflow::corruption {
namespace {

using test::StepRun;

std::size_t changed(const data::DigitSet& a, const data::DigitSet& b) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto x = a.image(i), y = b.image(i);
    count += std::equal(x.begin(), x.end(), y.begin()) ? 0 : 1;
  }
  return count;
}

/// Mean of the absolute differences, in grey values.
double distance(const data::DigitSet& a, const data::DigitSet& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(int{a.pixels[i]} - b.pixels[i]);
  return sum / static_cast<double>(a.pixels.size());
}

Corrupted one_way(const data::DigitSet& digits, std::string_view way, double severity,
                  std::uint64_t seed = 1) {
  return corrupt(digits, std::vector{std::string(way)}, severity, 1, seed);
}

class Corruptions : public ::testing::Test {
 protected:
  data::DigitSet digits_ = digits::generate(60, 4);
};

TEST_F(Corruptions, EachChangesDigitsMoreAndMore) {
  const auto all = names();
  ASSERT_EQ(all.size(), 16U);
  for (const std::string_view way : all) {
    const Corrupted none = one_way(digits_, way, 0), weak = one_way(digits_, way, 0.2),
                    strong = one_way(digits_, way, 1);
    EXPECT_EQ(none.digits.pixels, digits_.pixels) << way;
    EXPECT_EQ(strong.digits.labels, digits_.labels) << way;
    EXPECT_EQ(strong.counts, std::vector<std::size_t>{60}) << way;
    if (way == "identity") {
      EXPECT_EQ(strong.digits.pixels, digits_.pixels);
      continue;
    }
    EXPECT_EQ(changed(digits_, strong.digits), 60U) << way;
    EXPECT_GT(distance(digits_, strong.digits), 5) << way;
    EXPECT_LT(distance(digits_, weak.digits), distance(digits_, strong.digits)) << way;
  }
}

TEST_F(Corruptions, SameSeedSameBytes) {
  const auto all = names();
  std::set<std::vector<std::uint8_t>> results;
  for (const std::string_view way : all) {
    const auto first = one_way(digits_, way, 0.7, 9).digits.pixels;
    EXPECT_EQ(first, one_way(digits_, way, 0.7, 9).digits.pixels) << way;
    results.insert(first);
  }
  EXPECT_EQ(results.size(), 16U) << "no two ways do the same";
  EXPECT_NE(one_way(digits_, "fog", 0.7, 9).digits.pixels,
            one_way(digits_, "fog", 0.7, 10).digits.pixels);
}

TEST_F(Corruptions, BrightnessAddsTheSameEverywhere) {
  const auto bright = one_way(digits_, "brightness", 1).digits;
  for (std::size_t i = 0; i < bright.pixels.size(); ++i) {
    const int expected = std::min(255.0, std::round(digits_.pixels[i] + 178.5));
    EXPECT_NEAR(bright.pixels[i], expected, 1) << i;
  }
}

TEST_F(Corruptions, ImpulsesFlipTheirShare) {
  const data::DigitSet black{std::vector<std::uint8_t>(100 * data::kPixels),
                             std::vector<std::uint8_t>(100)};
  const auto noisy = one_way(black, "impulse_noise", 1).digits;
  const auto white = std::count(noisy.pixels.begin(), noisy.pixels.end(), 255);
  EXPECT_NEAR(static_cast<double>(white) / static_cast<double>(noisy.pixels.size()), 0.15, 0.01);
}

TEST_F(Corruptions, MovesInk) {
  Grey dot;
  dot.at(14, 14) = 1;
  data::Random random(1);
  const Grey moved = translate(dot, 0.5, random);
  EXPECT_EQ(std::abs(14 - static_cast<int>(std::distance(moved.values.begin(),
                                                         std::max_element(moved.values.begin(),
                                                                          moved.values.end())) /
                                           kSide)),
            3);
  const Grey turned = rotate(dot, 1, random);
  EXPECT_GT(turned.at(14, 14) + turned.at(14, 13) + turned.at(13, 14), 0.5) << "near the middle";
}

TEST_F(Corruptions, EdgesAreThin) {
  Grey square;
  for (int y = 8; y < 20; ++y)
    for (int x = 8; x < 20; ++x) square.at(y, x) = 1;
  data::Random random(1);
  const Grey edges = canny_edges(square, 1, random);
  const float ink = std::reduce(edges.values.begin(), edges.values.end());
  EXPECT_GT(ink, 36) << "a closed line";
  EXPECT_LT(ink, 60) << "one pixel wide";
  EXPECT_EQ(edges.at(14, 14), 0);
}

TEST_F(Corruptions, AShareOfTheDigitsAndEqualPartsOfIt) {
  const std::vector<std::string> ways = {"brightness", "stripe", "zigzag"};
  const Corrupted mix = corrupt(digits_, ways, 1, 0.5, 3);
  EXPECT_EQ(mix.counts, (std::vector<std::size_t>{10, 10, 10}));
  EXPECT_EQ(changed(digits_, mix.digits), 30U);
  EXPECT_EQ(changed(digits_, corrupt(digits_, ways, 1, 0, 3).digits), 0U);
}

TEST_F(Corruptions, UnknownWay) {
  EXPECT_TRUE(test::error_of([&] {
                one_way(digits_, "rain", 1);
              }).starts_with("there is no corruption 'rain'; there are shot_noise, impulse"));
}

TEST_F(Corruptions, AsAStep) {
  const test::TempDir directory;
  std::filesystem::create_directory(directory / "in");
  data::write_dataset(directory / "in", digits_);
  StepRun step("data", "data.corrupt");
  step.input("dataset", directory / "in")
      .with({{"ways", {"fog", "shear"}}, {"severity", 0.5}, {"share", 0.5}, {"seed", 2}})
      .run();
  ASSERT_EQ(step.status(), SCANFLOW_OK) << step.error();
  const auto outputs = step.outputs();
  EXPECT_EQ(outputs["corrupted"], 30);
  EXPECT_EQ(outputs["ways"], (nlohmann::json{{"fog", 15}, {"shear", 15}}));
  EXPECT_EQ(outputs["summary"], "30 of 60 digits: fog, shear, severity 0.5");
  const auto out = data::read_dataset(step.artifact("dataset"));
  EXPECT_EQ(changed(digits_, out), 30U);
  EXPECT_EQ(out.labels, digits_.labels);

  StepRun wrong("data", "data.corrupt");
  wrong.input("dataset", directory / "in").with({{"ways", {"rain"}}}).run();
  EXPECT_NE(wrong.error().find("with.ways"), std::string::npos) << wrong.error();
}

}  // namespace
}  // namespace scanflow::corruption
