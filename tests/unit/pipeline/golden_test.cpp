// Each errors/NAME.yaml is a broken pipeline; errors/NAME.txt is what a person reads about it.
// After a change of words: SCANFLOW_UPDATE_GOLDEN=1 build/tests/unit_pipeline
// --gtest_filter='*Golden*', and review the difference.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "engine/pipeline/reader.hpp"
#include "sdk/base/files.hpp"
#include "tests/unit/pipeline/support.hpp"

namespace scanflow::pipeline {
namespace {

namespace fs = std::filesystem;

fs::path directory() { return fs::path(SCANFLOW_SOURCE_DIR) / "tests/unit/pipeline/errors"; }

std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory())) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, SaysWhatIsWrong) {
  const fs::path input = directory() / (GetParam() + ".yaml");
  const fs::path golden = directory() / (GetParam() + ".txt");
  const auto source = read_file(input);
  ASSERT_TRUE(source) << source.error().message;
  const ReadResult result = read_pipeline(GetParam() + ".yaml", *source, test::catalog());
  EXPECT_EQ(result.pipeline, nullptr) << "the file is meant to be wrong";
  const std::string said = render(result.errors, *source);
  if (std::getenv("SCANFLOW_UPDATE_GOLDEN") != nullptr) {
    ASSERT_TRUE(write_file_atomically(golden, said));
    return;
  }
  const auto expected = read_file(golden);
  ASSERT_TRUE(expected) << expected.error().message;
  EXPECT_EQ(said, *expected);
}

INSTANTIATE_TEST_SUITE_P(Errors, Golden, testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace scanflow::pipeline
