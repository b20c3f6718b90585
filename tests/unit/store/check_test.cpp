// Artifacts that are damaged or missing are found, and moved aside.
#include "engine/store/check.hpp"

#include <gmock/gmock.h>

#include "engine/store/garbage.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace scanflow::store {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class CheckTest : public StoreFixture {
 protected:
  Artifact put_step(const std::string& step, const std::map<std::string, std::string>& files) {
    for (const auto& [name, content] : files) directory_.write(step + "/" + name, content);
    const auto artifact = artifacts_.put(
        files.size() == 1 ? directory_ / step / files.begin()->first : directory_ / step);
    EXPECT_TRUE(artifact) << artifact.error().message;
    fs::remove_all(directory_ / step);
    EXPECT_TRUE(
        commit({.runs = {{.id = "run-" + step, .ended_us = 1}},
                .steps = {{.run = "run-" + step,
                           .id = step,
                           .artifacts = R"({"a":{"sha256":")" + artifact->sha256 + "\"}}"}}}));
    return *artifact;
  }
  Checked check(bool set_aside = false) {
    const auto checked = check_artifacts(*store_, root_, set_aside);
    EXPECT_TRUE(checked) << checked.error().message;
    return checked.value_or(Checked{});
  }
  static void damage(const fs::path& file) {
    fs::permissions(file, fs::perms::owner_all);
    std::ofstream(file) << "other";
  }

  const fs::path root_ = directory_ / "artifacts";
  Artifacts artifacts_{root_};
};

TEST_F(CheckTest, WhatIsWholeIsCounted) {
  put_step("one", {{"f", "12345"}});
  put_step("two", {{"f", "12345"}, {"g", "678"}});
  const Checked checked = check();
  EXPECT_EQ(checked.files, 2u);
  EXPECT_EQ(checked.directories, 1u);
  EXPECT_EQ(checked.bytes, 8u);
  EXPECT_TRUE(checked.damages.empty());
}

TEST_F(CheckTest, WhatIsDamagedOrMissingIsFoundWithItsOwner) {
  const Artifact file = put_step("one", {{"f", "12345"}});
  const Artifact tree = put_step("two", {{"f", "12345"}, {"g", "678"}});
  const Artifact gone = put_step("three", {{"f", "gone"}});
  damage(file.path);
  fs::remove(gone.path);
  const Checked checked = check();
  ASSERT_EQ(checked.damages.size(), 3u);
  EXPECT_EQ(checked.damages[0].sha256, file.sha256);
  EXPECT_EQ(checked.damages[0].owner, "step one of run run-one");
  EXPECT_THAT(checked.damages[0].why, HasSubstr("its bytes have SHA-256"));
  EXPECT_EQ(checked.damages[1].sha256, tree.sha256);
  EXPECT_EQ(checked.damages[1].why, "its file f is damaged");
  EXPECT_EQ(checked.damages[2].sha256, gone.sha256);
  EXPECT_EQ(checked.damages[2].why, "it is missing");
}

TEST_F(CheckTest, WhatIsMovedAsideCanBePutAgain) {
  const Artifact tree = put_step("two", {{"f", "12345"}, {"g", "678"}});
  damage(tree.path / "f");
  EXPECT_EQ(check(true).damages.size(), 2u);
  EXPECT_TRUE(fs::exists(root_ / "quarantine" / "trees"));
  EXPECT_EQ(check().damages.size(), 1u) << "it is missing now";
  put_step("again", {{"f", "12345"}, {"g", "678"}});
  EXPECT_TRUE(check().damages.empty());
}

TEST_F(CheckTest, WhatWouldBeCollectedIsSaid) {
  constexpr std::int64_t kEver = std::int64_t{1} << 60;
  put_step("one", {{"f", "12345"}, {"g", "678"}});
  directory_.write("h", "nobody's");
  ASSERT_TRUE(artifacts_.put(directory_ / "h"));
  fs::remove(directory_ / "h");
  const Garbage young = find_garbage(*store_, root_, 0).value();
  EXPECT_EQ(young.files, 0u);
  const Garbage garbage = find_garbage(*store_, root_, kEver).value();
  EXPECT_EQ(garbage.files, 1u);
  EXPECT_EQ(garbage.bytes, 8u);
  EXPECT_EQ(garbage.directories, 0u);
  EXPECT_EQ(collect_garbage(*store_, artifacts_, kEver).value().bytes, garbage.bytes);
}

}  // namespace
}  // namespace scanflow::store
