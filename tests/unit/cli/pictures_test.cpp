#include "engine/cli/pictures.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <vector>

namespace scanflow::cli {
namespace {

TEST(Pictures, ACurveStandsBetweenNothingAndTheMost) {
  const std::vector<double> values{0, 50, 100, 150};
  EXPECT_EQ(curve(values, 100, 10, Letters::unicode), "▁▅██");
  EXPECT_EQ(curve(values, 100, 10, Letters::ascii), ".+@@");
  EXPECT_EQ(curve(values, 0, 10, Letters::ascii), "....");
}

TEST(Pictures, WhatIsNotKnownIsABlank) {
  const std::vector<double> values{1, std::nan(""), 1};
  EXPECT_EQ(curve(values, 1, 10, Letters::unicode), "█ █");
  const std::vector<double> late{std::nan(""), std::nan(""), 0, 1};
  EXPECT_EQ(curve(late, 1, 10, Letters::unicode), "▁█") << "it was not measured yet";
  EXPECT_EQ(curve({values.data(), 2}, 1, 10, Letters::unicode), "") << "one point is no curve";
}

TEST(Pictures, ManyValuesAreTheGreatestOfEachShare) {
  std::vector<double> values(60, 0.0);
  values[59] = 7;
  values[31] = 3;
  EXPECT_EQ(curve(values, 7, 6, Letters::unicode), "▁▁▁▄▁█");
}

TEST(Pictures, BarsAreAsLongAsTheyMayBe) {
  EXPECT_EQ(bar(0.4, 5, Letters::unicode), "██░░░");
  EXPECT_EQ(bar(2, 5, Letters::ascii), "#####");
  EXPECT_EQ(bar(std::nan(""), 3, Letters::ascii), "...");
}

class Locale : public testing::Test {
 protected:
  Locale() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) ::unsetenv(name);
  }
};

TEST_F(Locale, SaysWhichLetters) {
  EXPECT_EQ(letters_of_environment(), Letters::unicode) << "it says nothing";
  ::setenv("LANG", "de_DE.ISO-8859-1", 1);
  EXPECT_EQ(letters_of_environment(), Letters::ascii);
  ::setenv("LC_CTYPE", "C.utf8", 1);
  EXPECT_EQ(letters_of_environment(), Letters::unicode);
  ::setenv("LC_ALL", "C", 1);
  EXPECT_EQ(letters_of_environment(), Letters::ascii);
}

}  // namespace
}  // namespace scanflow::cli
