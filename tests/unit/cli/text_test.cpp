#include "engine/cli/text.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace scanflow::cli {
namespace {

TEST(Text, WidthsAreColumnsNotBytes) {
  EXPECT_EQ(width_of("abc"), 3u);
  EXPECT_EQ(width_of("✓ é"), 3u);
  EXPECT_EQ(width_of("数字"), 4u);
  EXPECT_EQ(width_of("e\u0301"), 1u) << "a combining accent takes no column";
  EXPECT_EQ(width_of("\xff\xc3"), 2u) << "bytes that are not UTF-8 end somewhere all the same";
}

TEST(Text, FitCutsWithAnEllipsisAndNeverInsideACharacter) {
  EXPECT_EQ(fit("abcdef", 6), "abcdef");
  EXPECT_EQ(fit("abcdef", 4), "abc…");
  EXPECT_EQ(fit("数字数字", 4), "数…");
  EXPECT_EQ(fit("abc", 0), "");
}

TEST(Text, FitMiddleKeepsTheEndWhichTellsInstancesApart) {
  EXPECT_EQ(fit_middle("abcdef", 6), "abcdef");
  EXPECT_EQ(fit_middle("a-long-step-name[model=cnn1,rate=0.01]", 20), "a-long-…1,rate=0.01]");
  EXPECT_LE(width_of(fit_middle("数字数字数字数字", 9)), 9u);
}

TEST(Text, TablesAlignAndHaveNoTrailingBlanks) {
  const std::string text =
      table({"STEP", "TIME", ""}, {{"✓ a", "1.0 s", "fine"}, {"longer", "12.5 s", ""}}, 80, {1});
  EXPECT_EQ(text,
            "STEP      TIME\n"
            "✓ a      1.0 s  fine\n"
            "longer  12.5 s\n");
}

TEST(Text, TheLastColumnIsCutToTheWidth) {
  EXPECT_EQ(table({"A", "B"}, {{"x", "0123456789"}}, 8), "A  B\nx  0123…\n");
}

TEST(Text, WhereTheLastColumnIsNotEnoughTheWidestIsCutInItsMiddle) {
  const std::vector<std::vector<std::string>> rows{
      {"a-rather-long-step-name[rate=1]", "succeeded", "words"},
      {"a-rather-long-step-name[rate=2]", "failed", "other words"}};
  const std::string text = table({"STEP", "STATUS", ""}, rows, 40);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    EXPECT_LE(width_of(text.substr(at, end - at)), 40u) << text;
    at = end + 1;
  }
  EXPECT_NE(text.find("rate=1]"), std::string::npos) << text;
  EXPECT_NE(text.find("rate=2]"), std::string::npos) << text;
  EXPECT_NE(table({"STEP", "STATUS", ""}, rows, 0).find("name[rate=2]  failed     other words\n"),
            std::string::npos)
      << "into a pipe nothing is cut";
}

TEST(Text, SparklinesShowTheShapeOfWhatIsFinite) {
  const std::vector<double> rising{0, 1, 2, 3, 4, 5, 6, 7};
  EXPECT_EQ(sparkline(rising, 8), "▁▂▃▄▅▆▇█");
  EXPECT_EQ(sparkline(rising, 2), "▁█");
  const std::vector<double> odd{1, std::numeric_limits<double>::quiet_NaN(), 1};
  EXPECT_EQ(sparkline(odd, 8), "▅▅");
  EXPECT_EQ(sparkline(std::vector<double>{1}, 8), "");
}

TEST(Text, PaintsOnlyWhereColorsAreWanted) {
  EXPECT_EQ(paint("x", Color::red, false), "x");
  EXPECT_EQ(paint("x", Color::red, true), "\033[31mx\033[0m");
}

}  // namespace
}  // namespace scanflow::cli
