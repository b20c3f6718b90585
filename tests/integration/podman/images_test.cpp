// Images from what is on this machine.
#include <gmock/gmock.h>

#include "tests/support/pods.hpp"

namespace scanflow::test {
namespace {

using testing::HasSubstr;
using PodmanImages = Pods;

const std::string kBuild = SCANFLOW_SOURCE_DIR "/deploy/docker/build";

TEST_F(PodmanImages, OfTheSidecarRunWithAReadOnlyRoot) {
  const std::string prefix = fmt::format("localhost/scanflow-test-{}", ::getpid());
  const std::string sidecar = prefix + "-sidecar:1";
  const auto build = [&] {
    return Program(
               {kBuild, "--from", SCANFLOW_BINARY_DIR, "--name", prefix, "--tag", "1", "sidecar"})
        .wait();
  };
  const Output built = build();
  ASSERT_EQ(built.exit, 0) << built.err;
  EXPECT_THAT(built.out, HasSubstr(sidecar + "  "));
  const auto id = [&] {
    return podman::run(podman().command({"image", "inspect", "--format", "{{.Id}}", sidecar}))->out;
  };
  const std::string first = id();
  ASSERT_EQ(build().exit, 0);
  EXPECT_EQ(id(), first) << "the same inputs give the same image";

  const auto say = [&](const std::vector<std::string>& words) {
    std::vector<std::string> arguments{"run", "--rm", "--read-only", "--network", "none"};
    arguments.insert(arguments.end(), words.begin(), words.end());
    const auto ended = podman::run(podman().command(arguments));
    EXPECT_TRUE(ended) << ended.error().message;
    EXPECT_EQ(ended->status, 0) << ended->err;
    return ended->out;
  };
  EXPECT_THAT(say({sidecar, "--version"}), HasSubstr("scanflow-sidecar 0."));
  EXPECT_THAT(say({sidecar, "--help"}), HasSubstr("SCANFLOW_HUB"));
  EXPECT_THAT(say({"--entrypoint", "/usr/bin/scanflow-exec", sidecar, "--version"}),
              HasSubstr("scanflow-exec 0."));
  EXPECT_EQ(
      podman::run(podman().command({"image", "inspect", "--format", "{{.User}}", sidecar}))->out,
      "65532:65532\n");
  EXPECT_TRUE(podman().remove_image(sidecar));
}

TEST(ImagesScript, SaysWhatItTakes) {
  const Output output = Program({kBuild, "nonsense"}).wait();
  EXPECT_EQ(output.exit, 2);
  EXPECT_THAT(output.err, HasSubstr("what is nonsense?"));
}

}  // namespace
}  // namespace scanflow::test
