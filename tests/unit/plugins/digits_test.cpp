#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "plugins/steps/digits/drawing.hpp"
#include "plugins/steps/digits/glyphs.hpp"
#include "sdk/base/digest.hpp"

namespace scanflow::digits {
namespace {

std::string digest(const std::vector<std::uint8_t>& bytes) {
  return sha256_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

// Cached training, and what people compare, rest on these bytes: a change of the drawing is a new
// version of digits.generate.
TEST(Digits, SameSeedSameBytesOnEveryMachine) {
  const data::DigitSet digits = generate(200, 1);
  EXPECT_EQ(digest(digits.pixels),
            "32398ada1bd47df6395729b8b7ecbe4912436aae8c62a9b7dc118acd41afe43b");
  EXPECT_EQ(digest(digits.labels),
            "6f6da10bea79f5951580d259918364fcac5b9316bcdc2a28499a269fc89f3290");
}

TEST(Digits, OtherSeedOtherDigits) {
  EXPECT_NE(generate(20, 1).pixels, generate(20, 2).pixels);
  EXPECT_EQ(generate(20, 2).pixels, generate(20, 2).pixels);
}

TEST(Digits, ClassesAreBalanced) {
  const data::DigitSet digits = generate(1005, 3);
  std::array<int, 10> seen{};
  for (const std::uint8_t label : digits.labels) ++seen.at(label);
  for (const int count : seen) EXPECT_TRUE(count == 100 || count == 101) << count;
}

TEST(Digits, AreDrawnWithinThePicture) {
  const data::DigitSet digits = generate(500, 4);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const auto image = digits.image(i);
    const auto ink = std::count_if(image.begin(), image.end(), [](auto v) { return v > 100; });
    EXPECT_GT(ink, 10) << "digit " << i << " is hardly there";
    EXPECT_LT(ink, 400) << "digit " << i << " covers the picture";
  }
}

TEST(Digits, NoTwoAreAlike) {
  const data::DigitSet digits = generate(300, 5);
  std::set<std::vector<std::uint8_t>> distinct;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const auto image = digits.image(i);
    distinct.insert({image.begin(), image.end()});
  }
  EXPECT_EQ(distinct.size(), digits.size());
}

TEST(Digits, EachHasSeveralStyles) {
  for (std::uint8_t digit = 0; digit < 10; ++digit) EXPECT_GE(glyphs(digit).size(), 2U);
}

TEST(Digits, StopsWhenToldTo) {
  int asked = 0;
  const auto digits = generate(10'000, 1, [&asked](double) { return ++asked < 3; });
  EXPECT_EQ(asked, 3);
  EXPECT_LT(digits.size(), 10'000U);
}

}  // namespace
}  // namespace scanflow::digits
