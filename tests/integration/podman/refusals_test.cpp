// What cannot be done: a clear error, and nothing that stays behind.
#include <gmock/gmock.h>

#include <cstdlib>
#include <stop_token>
#include <thread>

#include "tests/support/pods.hpp"

namespace scanflow::test {
namespace {

using podman::Podman;
using podman::Refusal;
using testing::AllOf;
using testing::HasSubstr;
using PodmanRefusals = Pods;

TEST(PodmanAbsent, SaysWhatToInstall) {
  const TempDir directory;
  const auto podman = Podman::open({.directory = directory / "p", .program = "no-such-podman"});
  ASSERT_FALSE(podman);
  EXPECT_EQ(podman.error().kind, Refusal::absent);
  EXPECT_THAT(podman.error().message, HasSubstr("apt install podman runc catatonit"));
}

TEST_F(PodmanRefusals, OfAServiceThatIsNotThere) {
  ::setenv("CONTAINER_HOST", "unix:///no/such.sock", 1);
  const auto podman = Podman::open({.directory = directory() / "remote"});
  ::unsetenv("CONTAINER_HOST");
  ASSERT_FALSE(podman);
  EXPECT_EQ(podman.error().kind, Refusal::service);
  EXPECT_THAT(podman.error().message,
              AllOf(HasSubstr("/no/such.sock"), HasSubstr("CONTAINER_HOST")));
}

TEST_F(PodmanRefusals, OfAnImageThatIsNotThere) {
  const std::string pod = name("image");
  nlohmann::json manifest = this->pod(pod, {{"app", {}}});
  manifest["spec"]["containers"][0]["image"] = "localhost/scanflow-no-such-image:1";
  const auto played = podman().play(manifest);
  ASSERT_FALSE(played);
  EXPECT_EQ(played.error().kind, Refusal::image);
  EXPECT_THAT(played.error().message, AllOf(HasSubstr("localhost/scanflow-no-such-image:1"),
                                            HasSubstr("deploy/docker/build")));
  EXPECT_TRUE(podman().list(label())->empty());
  EXPECT_FALSE(podman().image_exists("localhost/scanflow-no-such-image:1").value());
  EXPECT_TRUE(podman().image_exists(image()).value());
}

TEST_F(PodmanRefusals, OfAProgramThatIsNotInTheImage) {
  const std::string pod = name("program");
  nlohmann::json manifest = this->pod(pod, {{"app", {}}});
  manifest["spec"]["containers"][0]["command"] = {"/no/such/program"};
  const auto played = podman().play(manifest);
  ASSERT_FALSE(played);
  EXPECT_EQ(played.error().kind, Refusal::program);
  EXPECT_THAT(played.error().message, HasSubstr("/no/such/program"));
  EXPECT_TRUE(podman().list(label())->empty());
}

TEST_F(PodmanRefusals, OfANameThatIsTakenLeaveTheOtherPodAlone) {
  const std::string pod = name("taken");
  ASSERT_NO_FATAL_FAILURE(play(this->pod(pod, {{"app", {"wait", "600000"}}})));
  const auto played = podman().play(this->pod(pod, {{"app", {"exit", "0"}}}));
  ASSERT_FALSE(played);
  EXPECT_EQ(played.error().kind, Refusal::exists);
  const auto other = podman().inspect(pod);
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_TRUE(other->containers.at(0).alive());
}

TEST_F(PodmanRefusals, OfAPodThatIsNotThere) {
  EXPECT_EQ(podman().signal("scanflow-no-such", "TERM").error().kind, Refusal::missing);
  EXPECT_EQ(podman().logs("scanflow-no-such", 1).error().kind, Refusal::missing);
}

TEST_F(PodmanRefusals, ComeAtTheDeadlineAndWhenStopped) {
  const auto hasty = Podman::open({.directory = directory() / "podman"});
  ASSERT_TRUE(hasty);
  podman::Invocation command = hasty->command({"events"});  // which never ends by itself
  command.deadline = std::chrono::milliseconds(200);
  EXPECT_EQ(podman::run(command).error().kind, Refusal::deadline);
  command.deadline = std::chrono::minutes(10);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(podman::run(command, stop.get_token()).error().kind, Refusal::stopped);
}

TEST_F(PodmanRefusals, OfAPlayThatIsStoppedLeaveNothing) {
  std::stop_source stop;
  stop.request_stop();
  const std::string pod = name("stopped");
  const auto played =
      podman().play(this->pod(pod, {{"app", {"wait", "600000"}}}), stop.get_token());
  ASSERT_FALSE(played);
  EXPECT_EQ(played.error().kind, Refusal::stopped);
  EXPECT_TRUE(podman().list(label())->empty());
}

TEST_F(PodmanRefusals, OfAPlayThatIsStoppedAtAnyTimeLeaveNothing) {
  const std::string pod = name("any-time");
  const nlohmann::json manifest = this->pod(pod, {{"app", {"wait", "600000"}}});
  for (int ms = 60; ms <= 460; ms += 200) {
    std::stop_source stop;
    const std::jthread later([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(ms));
      stop.request_stop();
    });
    const auto played = podman().play(manifest, stop.get_token());
    if (played) {
      ASSERT_TRUE(podman().remove(pod));
    } else {
      EXPECT_EQ(played.error().kind, Refusal::stopped) << played.error().message;
    }
    EXPECT_TRUE(podman().list(label())->empty())
        << "stopped after " << ms << " ms; " << (played ? "" : played.error().message);
    const auto volumes =
        podman::run(podman().command({"volume", "ls", "--quiet", "--filter", "name=" + pod}));
    ASSERT_TRUE(volumes) << volumes.error().message;
    EXPECT_EQ(volumes->out, "") << "stopped after " << ms << " ms";
  }
  ASSERT_NO_FATAL_FAILURE(play(manifest)) << "and its name is free";
}

}  // namespace
}  // namespace scanflow::test
