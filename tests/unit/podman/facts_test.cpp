#include "engine/podman/facts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/podman/recordings.hpp"

namespace scanflow::podman {
namespace {

using testing::Contains;
using testing::HasSubstr;

/// A machine of root with limits that it cannot raise, as in many virtual machines.
Facts lowered() {
  Facts facts = *read_info(recorded::kInfo);
  facts.open_files = 20'000;
  facts.processes = 96'365;
  return facts;
}

TEST(Facts, AreReadFromInfo) {
  const auto facts = read_info(recorded::kInfo);
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->version, "4.3.1");
  EXPECT_EQ(facts->runtime, "runc");
  EXPECT_EQ(facts->cgroup_version, 1);
  EXPECT_EQ(facts->cgroup_manager, "cgroupfs");
  EXPECT_THAT(facts->cgroup_controllers, Contains("memory"));
  EXPECT_EQ(facts->network_backend, "netavark");
  EXPECT_EQ(facts->storage_driver, "overlay");
  EXPECT_FALSE(facts->rootless);
  EXPECT_FALSE(facts->remote);
}

TEST(Facts, OfOtherTextAreAnError) {
  EXPECT_FALSE(read_info("Error: no"));
  EXPECT_FALSE(read_info("[]"));
  EXPECT_EQ(read_info("{}")->version, "");
}

TEST(Settings, GiveLimitsThatTheMachineAllows) {
  EXPECT_EQ(settings_for(lowered()).containers_conf,
            "\n[containers]\ndefault_ulimits = [\"nofile=20000:20000\", \"nproc=96365:96365\"]\n");
  Facts endless = lowered();
  endless.processes = ~std::uint64_t{0};
  EXPECT_THAT(settings_for(endless).containers_conf, HasSubstr("nproc=1048576:1048576"));
}

TEST(Settings, KeepWhatTheDistributionSays) {
  Facts facts = lowered();
  facts.distribution = "# Debian's\n[containers]\npids_limit = 7\n\n[engine]\n";
  EXPECT_EQ(settings_for(facts).containers_conf,
            "# Debian's\n[containers]\ndefault_ulimits = [\"nofile=20000:20000\", "
            "\"nproc=96365:96365\"]\npids_limit = 7\n\n[engine]\n");
  facts.distribution = "[containers]\npids_limit = 7\n";
  EXPECT_EQ(settings_for(facts).containers_conf,
            "[containers]\ndefault_ulimits = [\"nofile=20000:20000\", "
            "\"nproc=96365:96365\"]\npids_limit = 7\n");
}

TEST(Settings, LeaveAloneWhatWorks) {
  Facts facts = lowered();
  facts.raises_limits = true;
  EXPECT_EQ(settings_for(facts).containers_conf, "");
  facts = lowered();
  facts.rootless = true;
  EXPECT_EQ(settings_for(facts).containers_conf, "");
  facts = lowered();
  facts.open_files = facts.processes = 1'048'576;
  EXPECT_EQ(settings_for(facts).containers_conf, "");
  facts = lowered();
  facts.remote = true;
  EXPECT_EQ(settings_for(facts).containers_conf, "");
}

TEST(Settings, NeverHideAnAdministratorsFile) {
  Facts facts = lowered();
  facts.configuration = {"/etc/containers/containers.conf"};
  EXPECT_EQ(settings_for(facts).containers_conf, "");
}

TEST(Settings, GiveAContainerItsShareOfProcesses) {
  Facts facts = lowered();
  EXPECT_EQ(settings_for(facts).processes, 4096u);
  facts.processes = 8000;
  EXPECT_EQ(settings_for(facts).processes, 2000u);
  facts.processes = 0;
  EXPECT_EQ(settings_for(facts).processes, 4096u) << "not known";
  facts.remote = true;
  EXPECT_EQ(settings_for(facts).processes, 0u) << "its machine is another one";
}

TEST(Settings, SayWhatAUserCannotLimit) {
  EXPECT_THAT(settings_for(lowered()).unlimited, testing::IsEmpty());
  Facts facts = *read_info(recorded::kRootlessInfo);
  facts.processes = 96'365;
  EXPECT_TRUE(facts.rootless);
  EXPECT_THAT(settings_for(facts).unlimited, testing::ElementsAre("memory", "cpu", "pids"));
  EXPECT_EQ(settings_for(facts).processes, 0u);
  facts.cgroup_controllers = {"memory", "pids"};  // version 2, as systemd delegates them to users
  EXPECT_THAT(settings_for(facts).unlimited, testing::ElementsAre("cpu"));
  EXPECT_EQ(settings_for(facts).processes, 4096u);
}

TEST(Settings, TakeRuncWhereCrunRefuses) {
  Facts facts = *read_info(recorded::kInfo);
  facts.runtime = "crun";
  facts.programs["runc"] = "/usr/sbin/runc";
  EXPECT_EQ(settings_for(facts).runtime, "") << "cgroups of version 1 alone are fine";
  facts.cgroup_hybrid = true;
  EXPECT_EQ(settings_for(facts).runtime, "runc");
  facts.programs["runc"] = "";
  EXPECT_EQ(settings_for(facts).runtime, "") << "it is not there";
}

}  // namespace
}  // namespace scanflow::podman
