// The demonstration, small: digits drift, and the service is better again by itself.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tests/support/program.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(ClosedLoop, NoticesRetrainsPromotesAndSwapsByItself) {
  const TempDir out;
  const std::string path = SCANFLOW_BINARY_DIR "/bin:" + std::string(::getenv("PATH"));
  Program program(
      {SCANFLOW_SOURCE_DIR "/pipelines/mnist/loop/run", "--fast", "--out", out.path().string()},
      {{"PATH", path}});
  const Output ran = program.wait(std::chrono::minutes(6));
  ASSERT_EQ(ran.exit, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("sudden (1 seed): clean"));
  EXPECT_THAT(text_of(out.path() / "report.html"), HasSubstr("promoted, swapped"));
  const auto trial = out.path() / "results" / "sudden-1";
  const json figures = json::parse(text_of(trial / "figures.json"));
  EXPECT_EQ(figures.at("failed"), 0) << "requests";
  double nothing = 0, loop = 0;
  for (std::size_t i = 0; i < figures.at("who").size(); ++i) {
    const json& who = figures.at("who")[i];
    if (who.at("digits") != "drifted") continue;
    if (who.at("who") == "nothing") nothing = figures.at("accuracy")[i];
    if (who.at("who") == "loop") loop = figures.at("accuracy")[i];
  }
  EXPECT_GT(loop, nothing + 0.1) << "on drifted digits that nobody had looked at";
}

}  // namespace
}  // namespace scanflow::test
