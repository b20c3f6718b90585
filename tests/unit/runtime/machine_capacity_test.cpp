#include "engine/runtime/machine_capacity.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/temp_dir.hpp"

namespace scanflow::runtime {
namespace {

class Machine : public testing::Test {
 protected:
  Machine() { write("proc/meminfo", "MemTotal:       16384 kB\nMemFree:  100 kB\n"); }
  void write(const std::string& file, const std::string& text) {
    std::filesystem::create_directories((files_ / file).parent_path());
    files_.write(file, text);
  }
  run::Capacity capacity() const {
    return machine_capacity((files_ / "proc").string(), (files_ / "sys").string());
  }
  const double cpus_ = machine_capacity().cpu;
  test::TempDir files_;
};

TEST_F(Machine, WithoutCgroupsItIsTheMachine) {
  EXPECT_EQ(capacity().memory, 16384u * 1024);
  EXPECT_EQ(capacity().cpu, cpus_);
  EXPECT_GE(cpus_, 1);
}

TEST_F(Machine, TheTightestLimitAboveItCounts) {
  write("proc/self/cgroup", "0::/a/b\n");
  write("sys/a/b/memory.max", "max\n");
  write("sys/a/memory.max", "1048576\n");
  write("sys/a/b/cpu.max", "50000 100000\n");
  write("sys/a/cpu.max", "max 100000\n");
  EXPECT_EQ(capacity().memory, 1048576u);
  EXPECT_EQ(capacity().cpu, 0.5);
}

TEST_F(Machine, VersionOneToo) {
  write("proc/self/cgroup", "5:memory:/pod\n4:cpu,cpuacct:/pod\n");
  write("sys/memory/pod/memory.limit_in_bytes", "2097152\n");
  write("sys/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/cpu/pod/cpu.cfs_quota_us", "25000\n");
  write("sys/cpu/pod/cpu.cfs_period_us", "100000\n");
  write("sys/cpu/cpu.cfs_quota_us", "-1\n");
  write("sys/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(capacity().memory, 2097152u);
  EXPECT_EQ(capacity().cpu, 0.25);
}

}  // namespace
}  // namespace scanflow::runtime
