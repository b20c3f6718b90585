#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "plugins/steps/digits/drawing.hpp"
#include "plugins/steps/mnist/locate.hpp"
#include "plugins/steps/mnist/split.hpp"
#include "tests/support/error_of.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::mnist {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::TempDir;

std::vector<std::size_t> joined(const Split& s) {
  std::vector<std::size_t> all = s.train;
  all.insert(all.end(), s.validation.begin(), s.validation.end());
  all.insert(all.end(), s.test.begin(), s.test.end());
  return all;
}

TEST(Split, PartsAreDisjointAndWhole) {
  const auto counts = count_parts({}, 10'000);
  EXPECT_EQ(counts.train, 7200U);
  EXPECT_EQ(counts.validation, 800U);
  EXPECT_EQ(counts.test, 2000U);
  auto all = joined(split(counts, 10'000, 1));
  std::sort(all.begin(), all.end());
  std::vector<std::size_t> expected(10'000);
  std::iota(expected.begin(), expected.end(), std::size_t{0});
  EXPECT_EQ(all, expected);
}

TEST(Split, SeedDecidesTheOrder) {
  const Counts counts{60, 20, 20};
  EXPECT_EQ(split(counts, 100, 1).train, split(counts, 100, 1).train);
  EXPECT_NE(split(counts, 100, 1).train, split(counts, 100, 2).train);
  const auto first = split({3, 1, 1}, 10, 1);
  EXPECT_EQ(joined(first), (std::vector<std::size_t>{4, 2, 8, 1, 9}));
}

TEST(Split, SharesLeaveNothingOver) {
  for (const std::size_t total : {1U, 7U, 10U, 99U, 1001U, 12'345U}) {
    const auto counts = count_parts({0.72, 0.08, 0.20}, total);
    EXPECT_EQ(counts.train + counts.validation + counts.test, total) << total;
  }
}

TEST(Split, NumbersOfDigits) {
  const auto counts = count_parts({100, 0, 50}, 200);
  EXPECT_EQ(counts.train, 100U);
  EXPECT_EQ(counts.validation, 0U);
  EXPECT_EQ(counts.test, 50U);
}

TEST(Split, RefusesWhatDoesNotFit) {
  EXPECT_EQ(error_of([] {
              count_parts({0.9, 0.2, 0.1}, 100);
            }),
            "train 0.9, validation 0.2, test 0.1: the shares add up to 1.2, which is more than 1");
  EXPECT_EQ(error_of([] {
              count_parts({9000, 0, 2000}, 10'000);
            }),
            "train 9000, validation 0, test 2000: 11000 digits are wanted, but there are only "
            "10,000");
  EXPECT_EQ(error_of([] {
              count_parts({100, 0.1, 10}, 1000);
            }),
            "train 100, validation 0.1, test 10: give either shares of the whole (none above 1) "
            "or whole numbers of digits");
  EXPECT_EQ(error_of([] {
              count_parts({0, 0.5, 0.5}, 1000);
            }),
            "train 0, validation 0.5, test 0.5: of 1,000 digits none would be left to train with");
}

class Locate : public ::testing::Test {
 protected:
  void add(const std::string& prefix, std::size_t count, std::uint64_t seed) {
    const TempDir other;
    data::write_dataset(other.path(), digits::generate(count, seed));
    for (const std::string name : {"images-idx3-ubyte", "labels-idx1-ubyte"}) {
      fs::copy(other / name, directory_ / (prefix + name));
    }
  }
  std::string error() {
    std::string text = error_of([&] { read_directory(directory_.path()); });
    return text.substr(text.find(": ") + 2);
  }

  TempDir directory_;
};

TEST_F(Locate, PoolsTrainAndTestFiles) {
  add("t10k-", 10, 1);
  EXPECT_EQ(read_directory(directory_.path()).labels, digits::generate(10, 1).labels);
  add("train-", 20, 2);
  EXPECT_EQ(read_directory(directory_.path()).size(), 30U);
}

TEST_F(Locate, TakesNamesWithADot) {
  add("", 10, 1);
  fs::rename(directory_ / "images-idx3-ubyte", directory_ / "t10k-images.idx3-ubyte");
  fs::rename(directory_ / "labels-idx1-ubyte", directory_ / "t10k-labels.idx1-ubyte");
  EXPECT_EQ(read_directory(directory_.path()).size(), 10U);
}

TEST_F(Locate, HalfAPair) {
  add("t10k-", 10, 1);
  fs::remove(directory_ / "t10k-labels-idx1-ubyte");
  EXPECT_EQ(error(),
            "there is t10k-images-idx3-ubyte, but no t10k-labels-idx1-ubyte or .gz beside it");
}

TEST_F(Locate, NothingThere) {
  EXPECT_EQ(error(),
            "no IDX files there (t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz, or the "
            "like, plain or gzip, with t10k-, train- or no prefix); the directory is empty");
  directory_.write("mnist.npz", "1");
  EXPECT_NE(error().find("; it holds mnist.npz"), std::string::npos) << error();
  EXPECT_NE(error_of([&] { read_directory(directory_ / "mnist.npz"); }).find("is a file"),
            std::string::npos);
  EXPECT_NE(error_of([&] { read_directory(directory_ / "no"); }).find("no such directory"),
            std::string::npos);
}

// The real digits, where they are at hand: SCANFLOW_DATA names their directory.
TEST(RealDigits, AreReadFromGzip) {
  const char* data = std::getenv("SCANFLOW_DATA");
  if (data == nullptr || !fs::exists(fs::path(data) / "t10k-images-idx3-ubyte.gz")) {
    GTEST_SKIP() << "set SCANFLOW_DATA to a directory with t10k-images-idx3-ubyte.gz";
  }
  const auto pairs = locate(data);
  const data::DigitSet digits = data::read_digits(pairs.back().images, pairs.back().labels);
  ASSERT_EQ(digits.size(), 10'000U);
  const std::vector<std::uint8_t> first(digits.labels.begin(), digits.labels.begin() + 10);
  EXPECT_EQ(first, (std::vector<std::uint8_t>{7, 2, 1, 0, 4, 1, 4, 9, 5, 9}));
}

}  // namespace
}  // namespace scanflow::mnist
