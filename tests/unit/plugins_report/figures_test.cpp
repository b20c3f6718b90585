// Ticks, plots, pictures, confusion matrices.
#include <gtest/gtest.h>
#include <zlib.h>

#include "plugins/steps/report/confusion.hpp"
#include "plugins/steps/report/digits.hpp"
#include "plugins/steps/report/plot.hpp"
#include "plugins/steps/report/png.hpp"
#include "tests/support/error_of.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/plugins_report/sample.hpp"

namespace scanflow::report {
namespace {

using test::error_of;

std::vector<double> rounded(std::vector<double> values) {
  for (double& value : values) value = std::round(value * 1e6) / 1e6;
  return values;
}

TEST(Ticks, AreRoundAndCover) {
  EXPECT_EQ(rounded(ticks(0.0482, 0.912, 5)), (std::vector<double>{0, 0.25, 0.5, 0.75, 1}));
  EXPECT_EQ(rounded(ticks(1, 5, 7, true)), (std::vector<double>{1, 2, 3, 4, 5}));
  EXPECT_EQ(rounded(ticks(0, 21.35, 9)), (std::vector<double>{0, 5, 10, 15, 20, 25}));
  for (const auto& [low, high] : {std::pair{3.0, 3.0}, {0.0, 0.0}, {-1e-9, 1e-9}, {-5e8, 7e8}}) {
    const auto all = ticks(low, high, 5);
    ASSERT_GE(all.size(), 2u);
    EXPECT_LE(all.front(), low);
    EXPECT_GE(all.back(), high);
    EXPECT_LE(all.size(), 12u);
  }
}

TEST(Plot, DrawsALineAndADotForEachPoint) {
  const std::string svg = plot_svg("loss", {{"a<b", {{1, 0.5}, {2, 0.25}, {3, 0.125}}, 0}});
  EXPECT_NE(svg.find("a&lt;b at 2: 0.25"), std::string::npos) << svg;
  EXPECT_EQ(svg.find("a<b"), std::string::npos);
  std::size_t dots = 0;
  for (auto at = svg.find("<circle"); at != std::string::npos; at = svg.find("<circle", at + 1))
    ++dots;
  EXPECT_EQ(dots, 3u);
  EXPECT_EQ(plot_svg("nothing", {}), "");
  EXPECT_NE(plot_svg("one", {{"a", {{7, 1}}, 0}}).find("<circle"), std::string::npos);
}

TEST(Plot, ASingleValueBesideCurvesIsALevel) {
  const std::string svg =
      plot_svg("accuracy", {{"epochs", {{1, 0.5}, {2, 0.9}}, 0, 1}, {"test", {{0, 0.8}}, 1}});
  EXPECT_NE(svg.find("class=\"level\""), std::string::npos) << svg;
  EXPECT_NE(svg.find("class=\"s0 dashed\""), std::string::npos) << svg;
  EXPECT_EQ(svg.find(">0</text>"), std::string::npos) << "the x axis begins at 1: " << svg;
}

TEST(Plot, ThinsLongCurvesButKeepsTheirPeaks) {
  std::vector<Point> points;
  for (int i = 0; i < 100000; ++i) points.push_back({double(i), i == 51234 ? 9.0 : 1.0 + i * 1e-6});
  const auto few = thin(points, 400);
  EXPECT_LE(few.size(), 400u);
  EXPECT_EQ(few.front().x, 0);
  EXPECT_EQ(few.back().x, 99999);
  EXPECT_TRUE(std::any_of(few.begin(), few.end(), [](const Point& p) { return p.y == 9.0; }));
  EXPECT_TRUE(std::is_sorted(few.begin(), few.end(),
                             [](const Point& a, const Point& b) { return a.x < b.x; }));
}

TEST(Png, IsWhatTheFormatSays) {
  EXPECT_EQ(base64("M"), "TQ==");
  EXPECT_EQ(base64("Ma"), "TWE=");
  EXPECT_EQ(base64("Man"), "TWFu");
  const std::vector<std::uint8_t> pixels = {0, 64, 128, 255, 1, 2};
  const std::string png = png_grey(pixels, 3, 2);
  EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  const auto u32 = [&](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
      value = value << 8 | static_cast<unsigned char>(png[at + i]);
    return value;
  };
  std::string raw;
  std::vector<std::string> types;
  for (std::size_t at = 8; at < png.size();) {
    const std::uint32_t length = u32(at);
    const std::string body = png.substr(at + 4, 4 + length);
    types.push_back(body.substr(0, 4));
    EXPECT_EQ(u32(at + 8 + length), crc32(0, reinterpret_cast<const Bytef*>(body.data()),
                                          static_cast<uInt>(body.size())));
    if (types.back() == "IDAT") {
      raw.resize(64);
      uLongf size = raw.size();
      ASSERT_EQ(uncompress(reinterpret_cast<Bytef*>(raw.data()), &size,
                           reinterpret_cast<const Bytef*>(body.data() + 4), length),
                Z_OK);
      raw.resize(size);
    }
    at += 12 + length;
  }
  EXPECT_EQ(types, (std::vector<std::string>{"IHDR", "IDAT", "IEND"}));
  EXPECT_EQ(raw, std::string("\0\0\x40\x80\0\xff\1\2", 8));
  EXPECT_THROW(png_grey(pixels, 4, 2), std::invalid_argument);
}

class Misclassified : public testing::Test {
 protected:
  test::TempDir directory_;
};

TEST_F(Misclassified, ShowsTheMostConfidentErrorsFirst) {
  write_misclassified(directory_.path(), 12);
  const WrongDigits wrong = read_wrong_digits(directory_.path(), 5);
  EXPECT_EQ(wrong.total, 12u);
  ASSERT_EQ(wrong.shown.size(), 5u);
  EXPECT_EQ(wrong.shown[0].index, 11u * 17);
  EXPECT_EQ(wrong.shown[0].label, 1);
  EXPECT_EQ(wrong.shown[0].prediction, 6);
  EXPECT_GT(wrong.shown[0].confidence, wrong.shown[1].confidence);
  EXPECT_EQ(wrong.shown[0].picture.substr(0, 32), "data:image/png;base64,iVBORw0KGg");
}

TEST_F(Misclassified, SaysWhichFileIsWrong) {
  const auto problem = [&] { return error_of([&] { read_wrong_digits(directory_.path(), 5); }); };
  EXPECT_NE(problem().find("images-idx3-ubyte"), std::string::npos) << problem();
  write_misclassified(directory_.path(), 3);
  directory_.write("predictions.json", "[{}, {}]");
  EXPECT_NE(problem().find("predictions.json: 2 predictions for 3 images"), std::string::npos)
      << problem();
  directory_.write("predictions.json", "{");
  EXPECT_NE(problem().find("not a JSON array"), std::string::npos) << problem();
}

TEST(Confusion, IsReadStrictly) {
  EXPECT_TRUE(parse_confusion({{1, 2}, {3, 4}}));
  EXPECT_FALSE(parse_confusion({{1, 2}, {3}}));
  EXPECT_FALSE(parse_confusion({{1, -2}, {3, 4}}));
  EXPECT_FALSE(parse_confusion({{1, "x"}, {3, 4}}));
  EXPECT_FALSE(parse_confusion("no"));
}

TEST(Confusion, HasRecallPrecisionAndTheWorst) {
  const Matrix matrix = {{8, 2}, {1, 9}};
  const std::string html = confusion_html(matrix);
  EXPECT_NE(html.find("80.0 %"), std::string::npos) << html;  // recall of 0
  EXPECT_NE(html.find("88.9 %"), std::string::npos) << html;  // precision of 0
  EXPECT_EQ(worst_confusions(matrix, 5),
            (std::vector<std::string>{"0 taken for 1 (2×)", "1 taken for 0 (1×)"}));
}

}  // namespace
}  // namespace scanflow::report
