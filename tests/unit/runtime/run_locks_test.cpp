#include "engine/runtime/run_locks.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "tests/support/temp_dir.hpp"

namespace scanflow::runtime {
namespace {

TEST(RunLocks, AreKnownForAsLongAsTheyLive) {
  const test::TempDir files;
  const StateDirectory state{files.path(), files.path()};
  const auto others = RunLocks::open(state.followers());
  ASSERT_TRUE(others) << others.error().message;
  EXPECT_FALSE(others->has("a"));
  {
    auto first = RunLocks::open(state.followers());
    auto second = RunLocks::open(state.followers());
    ASSERT_TRUE(first && second);
    ASSERT_TRUE(first->add("a"));
    ASSERT_TRUE(first->add("b"));
    ASSERT_TRUE(second->add("a")) << "several may hold one run";
    EXPECT_TRUE(others->has("a"));
    EXPECT_TRUE(others->has("b"));
    EXPECT_FALSE(others->has("c"));
    first->remove("b");
    EXPECT_FALSE(others->has("b"));
  }
  EXPECT_FALSE(others->has("a"));
  EXPECT_FALSE(others->has("b"));
}

TEST(RunLocks, ARunGoesOnWhereALivingEngineHasItOrWillHaveIt) {
  const test::TempDir files;
  const StateDirectory state{files.path(), files.path()};
  auto runs = RunLocks::open(state.engine_runs());
  auto followers = RunLocks::open(state.followers());
  ASSERT_TRUE(runs && followers);
  ASSERT_TRUE(runs->add("a") && followers->add("b"));
  EXPECT_FALSE(goes_on(state, "a")) << "without an engine";
  const auto engine = ProcessLock::try_take(state.engine_lock());
  ASSERT_TRUE(engine && *engine);
  EXPECT_TRUE(goes_on(state, "a"));
  EXPECT_TRUE(goes_on(state, "b"));
  EXPECT_FALSE(goes_on(state, "c"));
}

TEST(RunLocks, ADirectoryThatIsNotThereIsSaid) {
  const test::TempDir files;
  const auto none = RunLocks::open(files / "absent/followers.lock");
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("absent/followers.lock"), std::string::npos);
}

}  // namespace
}  // namespace scanflow::runtime
