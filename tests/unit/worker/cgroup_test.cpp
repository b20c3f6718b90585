#include "engine/worker/cgroup.hpp"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.hpp"

namespace scanflow::worker {
namespace {

constexpr const char* kV1 = "9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/\n";
constexpr const char* kV1Mounts =
    "30 25 0:26 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    "31 25 0:27 / /sys/fs/cgroup/memory rw,relatime shared:1 - cgroup cgroup rw,memory\n";

TEST(Cgroup, V1IsFoundByItsController) {
  const auto place = place_of(kV1, kV1Mounts);
  ASSERT_TRUE(place);
  EXPECT_EQ(place->version, 1);
  EXPECT_EQ(place->directory, "/sys/fs/cgroup/memory/docker/abc");
}

TEST(Cgroup, AContainersMountHidesThePrefix) {
  const auto place =
      place_of(kV1, "31 25 0:27 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  ASSERT_TRUE(place);
  EXPECT_EQ(place->directory, "/sys/fs/cgroup/memory");
}

TEST(Cgroup, V2HasOneHierarchy) {
  const auto place = place_of("0::/user.slice/scope\n",
                              "29 23 0:25 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n");
  ASSERT_TRUE(place);
  EXPECT_EQ(place->version, 2);
  EXPECT_EQ(place->directory, "/sys/fs/cgroup/user.slice/scope");
}

TEST(Cgroup, WithoutAMountThereIsNoPlace) {
  EXPECT_FALSE(place_of(kV1, ""));
  EXPECT_FALSE(place_of("", kV1Mounts));
}

TEST(Cgroup, V2FilesAreWrittenAndRead) {
  const test::TempDir files;
  std::filesystem::create_directories(files / "a");
  files.write("a/memory.max", "");
  files.write("a/memory.events", "low 0\noom 2\noom_kill 1\n");
  files.write("a/memory.peak", "4096\n");
  const CgroupRoot root(2, files.path().string());
  const auto cgroup = root.create("a", 1024);
  ASSERT_TRUE(cgroup) << cgroup.error().message;
  EXPECT_EQ(test::read(files / "a/memory.max"), "1024");
  EXPECT_EQ(cgroup->oom_kills(), 1u);
  EXPECT_EQ(cgroup->peak(), 4096u);
  EXPECT_FALSE(cgroup->remove());  // not empty
}

TEST(Cgroup, AFailureNamesTheFile) {
  const CgroupRoot root(2, "/no/such");
  const auto cgroup = root.create("a", 1024);
  ASSERT_FALSE(cgroup);
  EXPECT_NE(cgroup.error().message.find("/no/such/a"), std::string::npos);
}

}  // namespace
}  // namespace scanflow::worker
