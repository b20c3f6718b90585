#include "engine/runtime/state_directory.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "tests/support/temp_dir.hpp"

namespace scanflow::runtime {
namespace {

class StateDirectoryTest : public testing::Test {
 protected:
  void SetUp() override { ::setenv("XDG_RUNTIME_DIR", files_.path().c_str(), 1); }
  test::TempDir files_;
};

TEST_F(StateDirectoryTest, OneProcessHoldsTheLock) {
  const auto state = find_state_directory((files_ / "state").string());
  ASSERT_TRUE(state) << state.error().message;
  ASSERT_TRUE(create(*state));
  EXPECT_FALSE(ProcessLock::is_held(state->engine_lock()));
  {
    auto first = ProcessLock::try_take(state->engine_lock());
    ASSERT_TRUE(first && first->has_value());
    EXPECT_TRUE(ProcessLock::is_held(state->engine_lock()));
    auto second = ProcessLock::try_take(state->engine_lock());
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_FALSE(second->has_value());
  }
  EXPECT_TRUE(ProcessLock::try_take(state->engine_lock())->has_value()) << "its holder let go";
}

TEST_F(StateDirectoryTest, SocketsLieInAPrivateDirectoryWithAShortPath) {
  const auto state = find_state_directory((files_ / std::string(150, 'x')).string());
  ASSERT_TRUE(state);
  EXPECT_LT(state->engine_socket().string().size(), 108u);
  ASSERT_TRUE(create(*state));
  struct stat status {};
  ASSERT_EQ(::stat(state->sockets.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  std::filesystem::permissions(state->sockets, std::filesystem::perms::all);
  const auto refused = create(*state);
  ASSERT_FALSE(refused) << "a directory that others may write must be refused";
  EXPECT_NE(refused.error().message.find("0700"), std::string::npos);
}

TEST_F(StateDirectoryTest, IsThisUsersAloneUnlessItWasThereBefore) {
  const auto mode_of = [](const std::filesystem::path& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_mode & 0777;
  };
  const auto fresh = find_state_directory((files_ / "a/b/state").string());
  ASSERT_TRUE(create(*fresh));
  EXPECT_EQ(mode_of(fresh->root), 0700u);
  std::filesystem::permissions(fresh->root, static_cast<std::filesystem::perms>(0750));
  ASSERT_TRUE(create(*fresh));
  EXPECT_EQ(mode_of(fresh->root), 0750u) << "somebody shares it";
}

TEST_F(StateDirectoryTest, ComesFromTheOptionElseTheEnvironment) {
  ::setenv("SCANFLOW_STATE", (files_ / "from-env").c_str(), 1);
  EXPECT_EQ(find_state_directory("")->root, files_ / "from-env");
  EXPECT_EQ(find_state_directory((files_ / "given").string())->root, files_ / "given");
  ::unsetenv("SCANFLOW_STATE");
  ::setenv("XDG_STATE_HOME", files_.path().c_str(), 1);
  EXPECT_EQ(find_state_directory("")->root, files_ / "scanflow");
  ::unsetenv("XDG_STATE_HOME");
}

TEST_F(StateDirectoryTest, ThatCannotBeMadeIsSaid) {
  const auto state = find_state_directory(files_.write("file", "") + "/below");
  ASSERT_TRUE(state);
  const auto made = create(*state);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("--state"), std::string::npos) << made.error().message;
}

}  // namespace
}  // namespace scanflow::runtime
