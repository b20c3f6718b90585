#include "engine/runtime/followers.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "tests/support/temp_dir.hpp"

namespace scanflow::runtime {
namespace {

TEST(Followers, AreKnownForAsLongAsTheyLive) {
  const test::TempDir files;
  const StateDirectory state{files.path(), files.path()};
  const auto others = Followers::open(state);
  ASSERT_TRUE(others) << others.error().message;
  EXPECT_FALSE(others->has("a"));
  {
    auto first = Followers::open(state);
    auto second = Followers::open(state);
    ASSERT_TRUE(first && second);
    ASSERT_TRUE(first->add("a"));
    ASSERT_TRUE(first->add("b"));
    ASSERT_TRUE(second->add("a")) << "several may follow one run";
    EXPECT_TRUE(others->has("a"));
    EXPECT_TRUE(others->has("b"));
    EXPECT_FALSE(others->has("c"));
  }
  EXPECT_FALSE(others->has("a"));
  EXPECT_FALSE(others->has("b"));
}

TEST(Followers, ADirectoryThatIsNotThereIsSaid) {
  const test::TempDir files;
  const auto none = Followers::open({files / "absent", files.path()});
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("absent/followers.lock"), std::string::npos);
}

}  // namespace
}  // namespace scanflow::runtime
