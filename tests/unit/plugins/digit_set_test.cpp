#include "plugins/common/digit_set.hpp"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <vector>

#include "plugins/common/byte_source.hpp"
#include "plugins/common/idx.hpp"
#include "tests/support/error_of.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::data {
namespace {

using test::error_of;
using test::TempDir;

DigitSet three() {
  DigitSet digits;
  for (std::uint8_t label = 4; label < 7; ++label) {
    digits.add(std::vector<std::uint8_t>(kPixels, label), label);
  }
  return digits;
}

TEST(DigitSet, WritesAndReadsADirectory) {
  const TempDir directory;
  write_dataset(directory.path(), three());
  const DigitSet read = read_dataset(directory.path());
  EXPECT_EQ(read.labels, three().labels);
  EXPECT_EQ(read.pixels, three().pixels);
}

TEST(DigitSet, SelectsInTheOrderAsked) {
  const std::array<std::size_t, 2> positions{2, 0};
  const DigitSet some = three().select(positions);
  EXPECT_EQ(some.labels, (std::vector<std::uint8_t>{6, 4}));
  EXPECT_EQ(some.image(0)[0], 6);
}

TEST(DigitSet, CountsMustAgree) {
  const TempDir directory;
  write_dataset(directory.path(), three());
  write_idx(directory / kLabelsFile, std::array{2U}, std::array<std::uint8_t, 2>{1, 2});
  EXPECT_EQ(error_of([&] { read_dataset(directory.path()); }),
            "3 images in " + (directory / kImagesFile).string() + ", but 2 labels in " +
                (directory / kLabelsFile).string() + ": the two do not belong together");
}

TEST(DigitSet, LabelsAreDigits) {
  const TempDir directory;
  write_dataset(directory.path(), three());
  write_idx(directory / kLabelsFile, std::array{3U}, std::array<std::uint8_t, 3>{1, 10, 2});
  EXPECT_EQ(error_of([&] { read_dataset(directory.path()); }),
            (directory / kLabelsFile).string() + ": label 10 at byte 9 (item 1), expected 0 to 9");
}

TEST(DigitSet, ImagesAreOf28By28) {
  const TempDir directory;
  write_dataset(directory.path(), three());
  write_idx(directory / kImagesFile, std::array{3U, 2U, 1U}, std::vector<std::uint8_t>(6));
  EXPECT_EQ(
      error_of([&] { read_dataset(directory.path()); }),
      (directory / kImagesFile).string() + ": images of 2x1 pixels at byte 8, expected 28x28");
}

TEST(DigitSet, NamesWhatIsMissing) {
  const TempDir directory;
  EXPECT_EQ(error_of([&] { read_dataset(directory.path()); }),
            directory.path().string() +
                ": no file images-idx3-ubyte or images-idx3-ubyte.gz there; a dataset is a "
                "directory with images-idx3-ubyte and labels-idx1-ubyte");
  EXPECT_EQ(error_of([&] { read_dataset(directory / "no"); }),
            (directory / "no").string() +
                ": no such directory; a dataset is a directory with images-idx3-ubyte and "
                "labels-idx1-ubyte");
}

TEST(DigitSet, FullDeviceIsAnError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "there is no /dev/full here";
  const std::string error =
      error_of([] { write_idx("/dev/full", std::array{3U}, std::array<std::uint8_t, 3>{}); });
  EXPECT_EQ(error, "/dev/full: cannot write 11 bytes: No space left on device");
}

TEST(DigitSet, GroupsDigitsForPeople) {
  EXPECT_EQ(group_digits(0), "0");
  EXPECT_EQ(group_digits(999), "999");
  EXPECT_EQ(group_digits(41'203), "41,203");
  EXPECT_EQ(group_digits(1'000'000), "1,000,000");
}

}  // namespace
}  // namespace scanflow::data
