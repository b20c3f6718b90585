#include "engine/podman/findings.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/podman/recordings.hpp"

namespace scanflow::podman {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Facts good() {
  Facts facts = *read_info(recorded::kInfo);
  facts.raises_limits = true;
  facts.programs = {{"runc", "/usr/sbin/runc"},
                    {"catatonit", "/usr/bin/catatonit"},
                    {"iptables", "/usr/sbin/iptables"}};
  facts.images = {"localhost/scanflow-sidecar:latest"};
  return facts;
}

/// "rlimits: problem: at most ...; write into ..." of a point; "": there is none.
std::string at(const Facts& facts, const std::string& point,
               const std::vector<std::string>& images = {}) {
  for (const Finding& each : findings(facts, settings_for(facts), images)) {
    if (each.point == point) {
      return fmt::format("{}: {}{}{}", name_of(each.state), each.text, each.fix.empty() ? "" : "; ",
                         each.fix);
    }
  }
  return "";
}

TEST(Findings, OfAGoodMachineAreAllOk) {
  const auto all = findings(good(), settings_for(good()), {"localhost/scanflow-sidecar"});
  EXPECT_EQ(all.size(), 8u);
  for (const Finding& each : all) {
    EXPECT_EQ(each.state, Finding::State::ok) << each.point << ": " << each.text;
    EXPECT_EQ(each.fix, "") << each.point;
    EXPECT_NE(each.text, "") << each.point;
  }
}

TEST(Findings, NameThePackageThatIsMissing) {
  Facts facts = good();
  facts.programs["catatonit"] = facts.programs["iptables"] = "";
  EXPECT_THAT(at(facts, "pause image"),
              AllOf(HasSubstr("problem: "), HasSubstr("apt install catatonit")));
  EXPECT_THAT(at(facts, "network"),
              AllOf(HasSubstr("problem: "), HasSubstr("apt install iptables")));
  facts.images.emplace_back("localhost/podman-pause:4.3.1-0");
  EXPECT_EQ(at(facts, "pause image"), "ok: is here");
}

TEST(Findings, SayThatCrunRefusesHybrids) {
  Facts facts = good();
  facts.runtime = "crun";
  facts.cgroup_hybrid = true;
  EXPECT_THAT(at(facts, "runtime"), AllOf(HasSubstr("handled: "), HasSubstr("runc is taken")));
  facts.programs["runc"] = "";
  EXPECT_THAT(at(facts, "runtime"), AllOf(HasSubstr("problem: "), HasSubstr("apt install runc")));
}

TEST(Findings, SayWhoseLimitsArePut) {
  Facts facts = good();
  facts.raises_limits = false;
  facts.open_files = 20'000;
  facts.processes = 4'096;
  EXPECT_THAT(at(facts, "rlimits"), HasSubstr("handled: at most nofile 20000, nproc 4096"));
  facts.configuration = {"/etc/containers/containers.conf"};
  EXPECT_THAT(at(facts, "rlimits"),
              AllOf(HasSubstr("problem: "), HasSubstr("write into /etc/containers/containers.conf"),
                    HasSubstr("\"nofile=20000:20000\", \"nproc=4096:4096\"")));
  facts.sets_ulimits = true;
  EXPECT_THAT(at(facts, "rlimits"), HasSubstr("ok: "));
}

TEST(Findings, KnowTooOldAPodman) {
  Facts facts = good();
  facts.version = "3.0.1";
  EXPECT_THAT(at(facts, "podman"), HasSubstr("problem: 3.0.1, as root; podman 4.3 or later"));
  facts.version = "5.2.0";
  EXPECT_EQ(at(facts, "podman"), "ok: 5.2.0, as root");
}

TEST(Findings, WithoutRootAskForOtherPrograms) {
  Facts facts = *read_info(recorded::kRootlessInfo);
  EXPECT_THAT(at(facts, "network"), HasSubstr("apt install slirp4netns"));
  facts.programs["slirp4netns"] = "/usr/bin/slirp4netns";
  EXPECT_THAT(at(facts, "network"),
              AllOf(HasSubstr("problem: "), HasSubstr("chmod 666 /dev/net/tun")));
  facts.opens_tun = true;
  EXPECT_EQ(at(facts, "network"), "ok: slirp4netns");
  EXPECT_THAT(at(facts, "user"), HasSubstr("apt install uidmap"));
}

TEST(Findings, SayWhichLimitsAreNotKept) {
  Facts facts = *read_info(recorded::kRootlessInfo);
  EXPECT_THAT(at(facts, "cgroups"),
              AllOf(HasSubstr("advice: a Pod's limits of memory, cpu, pids are not kept"),
                    HasSubstr("unified_cgroup_hierarchy=1")));
  facts.cgroup_version = 2;
  facts.cgroup_controllers = {"memory", "pids"};
  EXPECT_THAT(at(facts, "cgroups"),
              AllOf(HasSubstr("limits of cpu are not kept"), HasSubstr("Delegate="),
                    testing::Not(HasSubstr("unified"))));
}

TEST(Findings, SayHowToBuildAnImage) {
  EXPECT_THAT(at(good(), "image", {"localhost/scanflow-worker"}),
              HasSubstr("advice: localhost/scanflow-worker is not here; ./dev images"));
  EXPECT_EQ(at(good(), "image", {"localhost/scanflow-sidecar:latest"}),
            "ok: localhost/scanflow-sidecar:latest");
  EXPECT_THAT(at(good(), "image", {"localhost/scanflow-sidecar:2"}), HasSubstr("advice: "));
}

TEST(Findings, OfASlowStorageIsAdvice) {
  Facts facts = good();
  facts.storage_driver = "vfs";
  EXPECT_THAT(at(facts, "storage"), HasSubstr("advice: "));
}

}  // namespace
}  // namespace scanflow::podman
