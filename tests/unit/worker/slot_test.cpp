#include "engine/worker/slot.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/temp_dir.hpp"

namespace scanflow::worker {
namespace {

class SlotTest : public testing::Test {
 protected:
  SlotTest() {
    auto made = Slot::create(3, (files_ / "3").string());
    EXPECT_TRUE(made) << made.error().message;
    slot_ = std::move(*made);
  }
  std::string path(const char* name) const { return slot_->directory() + "/" + name; }
  void write(const char* name, const std::string& text) const {
    files_.write(std::string("3/") + name, text);
  }

  test::TempDir files_;
  std::unique_ptr<Slot> slot_;
};

TEST_F(SlotTest, StartsEmpty) {
  EXPECT_EQ(test::read(path("params.json")), "{}");
  EXPECT_EQ(slot_->read_output(), "");
  EXPECT_FALSE(slot_->has_artifacts());
}

TEST_F(SlotTest, MetricsComeInWholeLines) {
  std::uint64_t offset = 0;
  write("metrics", "a 1\nb");
  EXPECT_EQ(slot_->read_metrics(offset, false), "a 1\n");
  EXPECT_EQ(slot_->read_metrics(offset, false), "");
  write("metrics", "a 1\nb 2\nc 3");
  EXPECT_EQ(slot_->read_metrics(offset, false), "b 2\n");
  EXPECT_EQ(slot_->read_metrics(offset, true), "c 3");
}

TEST_F(SlotTest, AFileThatTheProgramReplacedIsRead) {
  write("other", "a=1\n");
  std::filesystem::rename(path("other"), path("output"));
  EXPECT_EQ(slot_->read_output(), "a=1\n");
}

TEST_F(SlotTest, CleaningEmptiesWhatWasLeft) {
  write("output", "a=1\n");
  write("metrics", "a 1\n");
  write("artifacts/x", "x");
  write("scratch/y", "y");
  EXPECT_TRUE(slot_->clean());
  EXPECT_EQ(slot_->read_output(), "");
  EXPECT_FALSE(slot_->has_artifacts());
  EXPECT_TRUE(std::filesystem::is_empty(path("scratch")));
}

TEST_F(SlotTest, CleaningMakesAgainWhatTheProgramRemoved) {
  for (const char* name : {"artifacts", "scratch", "output"}) {
    std::filesystem::remove_all(path(name));
  }
  EXPECT_TRUE(slot_->clean());
  for (const char* name : {"artifacts", "scratch", "output"}) {
    EXPECT_TRUE(std::filesystem::exists(path(name))) << name;
  }
  write("artifacts/x", "x");
  EXPECT_TRUE(slot_->has_artifacts());
}

TEST_F(SlotTest, ArtifactsMoveAsAWhole) {
  write("artifacts/x", "x");
  ASSERT_TRUE(slot_->take_artifacts((files_ / "taken").string()));
  EXPECT_EQ(test::read(files_ / "taken/x"), "x");
  EXPECT_FALSE(slot_->has_artifacts());
}

}  // namespace
}  // namespace scanflow::worker
