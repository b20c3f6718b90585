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
