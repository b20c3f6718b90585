// All that the corpus has, and what is made of vectors.json, against the properties: what a fuzzer once
// found stays found, without one.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "tests/fuzz/properties.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::fuzz {
namespace {

class Replay : public testing::TestWithParam<std::string> {};

TEST_P(Replay, HoldsForTheCorpus) {
  const auto& property = properties().at(GetParam());
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(
           SCANFLOW_SOURCE_DIR "/tests/fuzz/corpus/" + GetParam())) {
    SCOPED_TRACE(entry.path().string());
    EXPECT_NO_THROW(property(test::read(entry.path())));
    ++files;
  }
  EXPECT_GT(files, 5u) << "the corpus is not where it should be";
}

/// A little of what a fuzzer does, always the same: each file with bytes changed.
TEST_P(Replay, HoldsForWhatIsNearTheCorpus) {
  const auto& property = properties().at(GetParam());
  std::mt19937 random(7);
  for (const auto& entry : std::filesystem::directory_iterator(
           SCANFLOW_SOURCE_DIR "/tests/fuzz/corpus/" + GetParam())) {
    const std::string whole = test::read(entry.path());
    if (whole.empty()) continue;
    for (int i = 0; i < 50; ++i) {
      std::string changed = whole;
      changed[random() % changed.size()] = static_cast<char>(random());
      changed[random() % changed.size()] = static_cast<char>(random());
      EXPECT_NO_THROW(property(changed)) << entry.path() << ", change " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Replay,
                         testing::Values("decode", "stream", "session", "core", "review",
                                         "inference", "connection"),
                         [](const auto& each) { return each.param; });

TEST(Properties, AreNotWithoutTeeth) {
  EXPECT_THROW(must(false, "this"), Broken);
  EXPECT_NO_THROW(must(true, "this"));
}

}  // namespace
}  // namespace scanflow::fuzz
