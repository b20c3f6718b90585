#include "engine/podman/process_limit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sdk/base/files.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::podman {
namespace {

TEST(ProcessLimit, IsWrittenWhereTheVersionHasIt) {
  const test::TempDir root;
  for (const auto& [version, place] :
       {std::pair<int, std::string>{1, "pids/libpod_parent/a"}, {2, "libpod_parent/a"}}) {
    std::filesystem::create_directories(root / place);
    ASSERT_TRUE(write_file_atomically(root / place / "pids.max", "max"));
    const auto limited = limit_processes("/libpod_parent/a", version, 4096, root.path());
    ASSERT_TRUE(limited) << limited.error().message;
    EXPECT_EQ(read_file(root / place / "pids.max")->substr(0, 4), "4096");
  }
}

TEST(ProcessLimit, OfAContainerThatIsOverNeedsNothing) {
  const test::TempDir root;
  EXPECT_TRUE(limit_processes("/libpod_parent/gone", 2, 4096, root.path()));
  EXPECT_TRUE(limit_processes("", 2, 4096, root.path()));
}

TEST(ProcessLimit, SaysWhereThereIsNoController) {
  const test::TempDir root;
  std::filesystem::create_directories(root / "user/a");
  const auto limited = limit_processes("/user/a", 2, 4096, root.path());
  ASSERT_FALSE(limited);
  EXPECT_THAT(limited.error().message, testing::HasSubstr("pids.max"));
}

}  // namespace
}  // namespace scanflow::podman
