// `scanflow podman check`, as people and scripts see it.
#include <gmock/gmock.h>

#include "tests/support/pods.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using PodmanCheck = Pods;

TEST_F(PodmanCheck, PlaysAPodAndLeavesNothing) {
  const Scanflow scanflow;
  const auto program = scanflow.start({"podman", "check"});
  const Output output = program->wait();
  EXPECT_EQ(output.exit, 0) << output.out << output.err;
  EXPECT_THAT(output.out, AllOf(HasSubstr("runtime"), HasSubstr("rlimits"), HasSubstr("network"),
                                HasSubstr("ran and was removed in")));
  const auto left = podman::run(podman().command(
      {"pod", "ps", "--format", "{{.Name}}", "--filter", "label=scanflow.dev/check"}));
  ASSERT_TRUE(left) << left.error().message;
  EXPECT_THAT(left->out, Not(HasSubstr(fmt::format("scanflow-check-{}-", program->pid()))));
}

TEST_F(PodmanCheck, IsADocumentForScripts) {
  const Scanflow scanflow;
  const Output output = scanflow({"podman", "check", "--quick", "-o", "json"});
  EXPECT_EQ(output.exit, 0) << output.err;
  const nlohmann::json report = last_line(output);
  EXPECT_EQ(report.at("ready"), true);
  EXPECT_EQ(report.at("findings").at(0).at("point"), "podman");
  EXPECT_EQ(report.at("findings").at(0).at("state"), "ok");
}

TEST(PodmanCheckWithoutPodman, SaysWhatToInstall) {
  const Scanflow scanflow;
  const Program::Environment nothing{{"PATH", "/nowhere"}};
  const Output output = scanflow({"podman", "check"}, nothing);
  EXPECT_EQ(output.exit, 3);
  EXPECT_THAT(output.out,
              AllOf(HasSubstr("problem"), HasSubstr("apt install podman runc catatonit")));
  EXPECT_THAT(output.err, HasSubstr("no Pod can run here"));
  const nlohmann::json report = last_line(scanflow({"podman", "check", "-o", "json"}, nothing));
  EXPECT_EQ(report.at("ready"), false);
  EXPECT_EQ(report.at("exit"), 3);
}

}  // namespace
}  // namespace scanflow::test
