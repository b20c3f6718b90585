// file: real directories, a clock that is moved by hand.
#include "plugins/triggers/file/file_trigger.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <scanflow/testing.hpp>

namespace scanflow::triggers {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
namespace fs = std::filesystem;

class FileTriggerTest : public ::testing::Test {
 protected:
  fs::path in() const { return harness_.directory() / "in"; }
  static void write(const fs::path& file, const std::string& text = "x") {
    std::ofstream(file) << text;
  }
  std::vector<json> wake(double at_s, json config = json::object()) {
    if (!config.contains("path")) config["path"] = in().string();
    const auto result = harness_.wake<FileTrigger>(
        config, {.reason = state_.empty() ? WakeReason::start : WakeReason::time,
                 .now_us = static_cast<std::int64_t>(at_s * 1e6),
                 .state = state_});
    problem_ = result.ok() ? "" : result.told.error;
    if (result.wake.state) state_ = *result.wake.state;
    changed_ = result.wake.state.has_value();
    next_us_ = result.wake.next_wake_us;
    return result.wake.fires;
  }
  /// Names that fire when all are complete.
  std::vector<std::string> names(const json& config = json::object()) {
    at_s_ += 1;
    wake(at_s_, config);
    at_s_ += 10;
    std::vector<std::string> found;
    for (const auto& fired : wake(at_s_, config))
      for (const auto& file : fired.at("files"))
        found.push_back(fs::path(file.at("path").get<std::string>()).filename());
    EXPECT_EQ(problem_, "");
    std::sort(found.begin(), found.end());
    return found;
  }

  scanflow::testing::Harness harness_;
  std::string state_, problem_;
  std::optional<std::int64_t> next_us_;
  bool changed_ = false;
  double at_s_ = 1000;
};

TEST_F(FileTriggerTest, TellsWhatArrived) {
  fs::create_directory(in());
  write(in() / "old");
  EXPECT_THAT(wake(1), IsEmpty());
  EXPECT_EQ(next_us_, 2'000'000);
  write(in() / "a.csv", "1,2,3\n");
  EXPECT_THAT(wake(2), IsEmpty());
  EXPECT_THAT(wake(3), IsEmpty());
  EXPECT_FALSE(changed_) << "nothing to be kept";
  const auto fired = wake(4);
  ASSERT_THAT(fired, SizeIs(1));
  struct stat found {};
  ASSERT_EQ(::stat((in() / "a.csv").c_str(), &found), 0);
  EXPECT_EQ(
      fired[0],
      (json{{"files",
             {{{"path", (in() / "a.csv").string()},
               {"bytes", 6},
               {"modified_us", found.st_mtim.tv_sec * 1'000'000 + found.st_mtim.tv_nsec / 1000}}}},
            {"count", 1}}));
  EXPECT_THAT(wake(9), IsEmpty());
}

TEST_F(FileTriggerTest, AMissingDirectoryIsWaitedFor) {
  EXPECT_THAT(wake(1), IsEmpty());
  EXPECT_EQ(problem_, "");
  EXPECT_THAT(wake(2), IsEmpty());
  EXPECT_EQ(next_us_, 3'000'000);
  fs::create_directory(in());
  write(in() / "a");
  EXPECT_THAT(wake(3), IsEmpty());
  const auto fired = wake(5);
  ASSERT_THAT(fired, SizeIs(1)) << "it is no existing one: it came with its directory";
  EXPECT_EQ(fired[0]["missing_since_us"], 1'000'000);
  write(in() / "b");
  wake(6);
  const auto again = wake(8);
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_FALSE(again[0].contains("missing_since_us"));
}

TEST_F(FileTriggerTest, FilesThatMatchAreMeantAndNothingElse) {
  fs::create_directory(in());
  const json config = {{"path", (in() / "*.csv").string()}};
  EXPECT_THAT(names(config), IsEmpty());
  write(in() / "a.csv");
  write(in() / "b.txt");
  write(in() / ".c.csv");
  fs::create_directory(in() / "d.csv");
  ASSERT_EQ(::mkfifo((in() / "e.csv").c_str(), 0600), 0);
  write(harness_.directory() / "f.csv");
  fs::create_symlink(harness_.directory() / "f.csv", in() / "g.csv");
  fs::create_symlink("nowhere", in() / "h.csv");
  fs::create_symlink("i.csv", in() / "i.csv");
  fs::create_symlink("d.csv", in() / "j.csv");
  EXPECT_THAT(names(config), ElementsAre("a.csv", "g.csv"));
  write(in() / "nowhere");
  EXPECT_THAT(names(config), ElementsAre("h.csv")) << "its target is there now";
}

TEST_F(FileTriggerTest, OldTimesAndRenamesArriveToo) {
  fs::create_directory(in());
  write(in() / "a");
  write(harness_.directory() / "b");
  write(harness_.directory() / "c");
  const struct timespec long_ago[2] = {{1000, 0}, {1000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (harness_.directory() / "b").c_str(), long_ago, 0), 0);
  EXPECT_THAT(names(), IsEmpty());
  fs::rename(harness_.directory() / "b", in() / "b");
  EXPECT_THAT(names(), ElementsAre("b"));
  fs::rename(harness_.directory() / "c", in() / "b");
  EXPECT_THAT(names(), ElementsAre("b")) << "another took its place";
  write(in() / "b", "longer");
  EXPECT_THAT(names(), IsEmpty()) << "it is the same one";
}

TEST_F(FileTriggerTest, ChangesExistingBatchesAndLimits) {
  fs::create_directory(in());
  for (const char* name : {"a", "b", "c"}) write(in() / name);
  const json config = {{"on", "change"}, {"existing", "fire"}, {"batch", true}, {"limit", 2}};
  EXPECT_THAT(wake(1, config), IsEmpty());
  const auto first = wake(3, config);
  ASSERT_THAT(first, SizeIs(1));
  EXPECT_EQ(first[0]["count"], 2);
  EXPECT_THAT(first[0]["files"], SizeIs(2));
  EXPECT_EQ(next_us_, 3'000'000) << "at once";
  const auto second = wake(3, config);
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_EQ(second[0]["count"], 1);
  write(in() / "a", "other");
  wake(4, config);
  const auto third = wake(6, config);
  ASSERT_THAT(third, SizeIs(1));
  EXPECT_EQ(third[0]["files"][0]["bytes"], 5);
}

TEST_F(FileTriggerTest, OneFileByItsName) {
  fs::create_directory(in());
  const json config = {{"path", (in() / "model.pt").string()}};
  EXPECT_THAT(names(config), IsEmpty());
  write(in() / "model.pt");
  write(in() / "other.pt");
  EXPECT_THAT(names(config), ElementsAre("model.pt"));
}

TEST_F(FileTriggerTest, ANameThatIsNoTextIsToldInHexToo) {
  fs::create_directory(in());
  names();
  const std::string name = "a\xff";
  write(in() / name);
  wake(2000);
  const auto fired = wake(2010);
  ASSERT_THAT(fired, SizeIs(1)) << problem_;
  EXPECT_THAT(fired[0]["files"][0]["path"].get<std::string>(), HasSubstr("a\xef\xbf\xbd"));
  EXPECT_TRUE(fired[0]["files"][0]["path_hex"].get<std::string>().ends_with("61ff"));
}

TEST_F(FileTriggerTest, ThousandsOfFilesStayWithinItsState) {
  fs::create_directory(in());
  const json config = {{"limit", 1000}, {"batch", true}};
  wake(1, config);
  for (int i = 0; i < 2500; ++i) write(in() / ("file-" + std::to_string(i)), "");
  std::size_t count = 0;
  // A look that takes too long on a busy machine is one that fails: the next one goes on.
  for (int second = 2; second < 60 && count < 2500; ++second) {
    for (const auto& fired : wake(second, config)) count += fired["files"].size();
    ASSERT_LT(state_.size(), 64U << 10);
  }
  EXPECT_EQ(count, 2500U);
}

TEST_F(FileTriggerTest, WhatCannotBeSaysWhy) {
  const auto why = [&](const json& config) {
    wake(1, config);
    return problem_;
  };
  EXPECT_THAT(why({{"path", "data/in"}}), HasSubstr("path: 'data/in' is relative"));
  EXPECT_THAT(why({{"path", "/data/*/in/*.csv"}}), HasSubstr("its last part alone"));
  EXPECT_THAT(why({{"every", "0s"}}), HasSubstr("every: write a time above 0"));
  EXPECT_THAT(why({{"settle", "soon"}}), HasSubstr("settle: 'soon' is not a duration"));
  EXPECT_THAT(why({{"limit", 0}}), HasSubstr("below the minimum"));
  write(harness_.directory() / "file");
  EXPECT_THAT(why({{"path", (harness_.directory() / "file" / "*.csv").string()}}),
              HasSubstr("cannot look for files in"));
  if (::geteuid() != 0) {  // root may read all
    fs::create_directory(in());
    ASSERT_EQ(::chmod(in().c_str(), 0), 0);
    EXPECT_THAT(why(json::object()), HasSubstr("let the agent's user read and search it"));
    ASSERT_EQ(::chmod(in().c_str(), 0700), 0);
  }
}

}  // namespace
}  // namespace scanflow::triggers
