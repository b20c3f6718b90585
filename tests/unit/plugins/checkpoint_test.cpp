// The file of a checkpoint.
#include "plugins/steps/torch/checkpoint.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/error_of.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::cnn {
namespace {

using test::read;

Checkpoint some() {
  Checkpoint c;
  c.epoch = 3;
  c.batch = 7;
  c.tally = {0.1 + 0.2, 41, 70};
  c.learning_rate = 1.0 / 3;
  c.stop_early = true;
  c.order = {4, 0, 3, 1, 2};
  c.random = std::numeric_limits<std::uint64_t>::max();
  c.history = {{1, {2.25, 0.125}, Score{2.5, 0.1}, 0.05, 1.5}, {2, {1.25, 0.5}, {}, 0.03, 3}};
  c.seconds = 4.75;
  c.tensors = std::string("\0\xff weights \n", 13);
  return c;
}

class CheckpointFileTest : public ::testing::Test {
 protected:
  CheckpointFile write(const Checkpoint& checkpoint) {
    return write_checkpoint(directory_.path(), "mine", checkpoint);
  }
  FoundCheckpoint find(const std::string& work = "mine") {
    return find_checkpoint(directory_.path(), work);
  }
  test::TempDir directory_;
};

TEST_F(CheckpointFileTest, GivesBackAllOfIt) {
  const Checkpoint c = some();
  const CheckpointFile file = write(c);
  EXPECT_EQ(file.sha256, sha256_of(read(file.path)));
  EXPECT_EQ(file.bytes, std::filesystem::file_size(file.path));
  const auto found = find();
  ASSERT_TRUE(found.checkpoint) << found.ignored;
  const Checkpoint& f = *found.checkpoint;
  EXPECT_EQ(f.epoch, c.epoch);
  EXPECT_EQ(f.batch, c.batch);
  EXPECT_EQ(f.tally.loss, c.tally.loss);
  EXPECT_EQ(f.tally.right, c.tally.right);
  EXPECT_EQ(f.tally.count, c.tally.count);
  EXPECT_EQ(f.learning_rate, c.learning_rate);
  EXPECT_TRUE(f.stop_early);
  EXPECT_EQ(f.order, c.order);
  EXPECT_EQ(f.random, c.random);
  EXPECT_EQ(f.seconds, c.seconds);
  EXPECT_EQ(f.tensors, c.tensors);
  ASSERT_EQ(f.history.size(), 2U);
  EXPECT_EQ(f.history[0].number, 1);
  EXPECT_EQ(f.history[0].train.loss, 2.25);
  EXPECT_EQ(f.history[0].validation->accuracy, 0.1);
  EXPECT_EQ(f.history[0].learning_rate, 0.05);
  EXPECT_FALSE(f.history[1].validation);
  EXPECT_EQ(f.history[1].seconds, 3);
}

TEST_F(CheckpointFileTest, TheNewestReplacesTheOneBefore) {
  Checkpoint c = some();
  write(c);
  c.epoch = 4;
  write(c);
  EXPECT_EQ(find().checkpoint->epoch, 4);
  const auto entries = std::filesystem::directory_iterator(directory_.path());
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);
}

TEST_F(CheckpointFileTest, WhatWasNotFinishedIsNoCheckpoint) {
  test::write(checkpoint_file(directory_.path()).string() + ".unfinished", "half of it");
  EXPECT_FALSE(find().checkpoint);
  EXPECT_EQ(find().ignored, "");
  write(some());
  EXPECT_TRUE(find().checkpoint);
}

TEST_F(CheckpointFileTest, ThatOfAnotherTrainingIsIgnored) {
  write(some());
  const auto found = find("another");
  EXPECT_FALSE(found.checkpoint);
  EXPECT_EQ(found.ignored, "it is that of a training with another configuration or other data");
}

TEST_F(CheckpointFileTest, DamageAnywhereIsSeen) {
  const auto path = write(some()).path;
  const std::string good = read(path);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    test::write(path, bad);
    EXPECT_FALSE(find().checkpoint) << "byte " << i;
    EXPECT_NE(find().ignored, "") << "byte " << i;
    test::write(path, good.substr(0, i));
    EXPECT_FALSE(find().checkpoint) << "cut at " << i;
    EXPECT_NE(find().ignored, "") << "cut at " << i;
  }
}

/// Whole by its digest, and yet nothing that one could go on from.
TEST_F(CheckpointFileTest, ADocumentOfAnotherFormIsIgnored) {
  const auto path = write(some()).path;
  const std::string head = read(path).substr(0, read(path).find(':') + 1);
  for (const std::string body : {"", "\xff", "\xa0", "\xa1\x64work\x64mine", "\x84"}) {
    test::write(path, head + sha256_of(body) + "\n" + body);
    EXPECT_FALSE(find().checkpoint);
    EXPECT_NE(find().ignored, "");
  }
}

TEST_F(CheckpointFileTest, ADirectoryThatIsGoneIsNamed) {
  const auto gone = directory_ / "gone";
  EXPECT_EQ(test::error_of([&] { write_checkpoint(gone, "mine", some()); }),
            "cannot write the checkpoint " + (gone / "training.checkpoint.unfinished").string() +
                ": No such file or directory");
  EXPECT_FALSE(find_checkpoint(gone, "mine").checkpoint);
}

}  // namespace
}  // namespace scanflow::cnn
