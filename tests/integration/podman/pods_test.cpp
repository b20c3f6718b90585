// Pods that run, end, are found again and are removed.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <filesystem>
#include <thread>

#include "sdk/base/unique_fd.hpp"
#include "tests/support/pods.hpp"

namespace scanflow::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using PodmanPods = Pods;

TEST_F(PodmanPods, EndAsTheirContainersDo) {
  const std::string pod = name("ends");
  const auto played = podman().play(
      this->pod(pod, {{"app", {"complain", "two", "say", "one", "say", "three", "exit", "3"}},
                      {"many", {"say", "3", "say", "4", "say", "5"}},
                      {"side", {"put", "/scanflow/f", "x", "print", "/scanflow/f"}}}));
  ASSERT_TRUE(played) << played.error().message;
  EXPECT_EQ(played->container_ids.size(), 3u);
  auto containers = ended(pod);
  ASSERT_EQ(containers.size(), 3u);
  EXPECT_EQ(containers["app"].exit_code, 3);
  EXPECT_EQ(containers["app"].id, played->container_ids[0]);
  EXPECT_FALSE(containers["app"].oom_killed);
  EXPECT_EQ(containers["side"].exit_code, 0);
  EXPECT_GT(containers["app"].started_us, 1'700'000'000'000'000);
  EXPECT_GE(containers["app"].finished_us, containers["app"].started_us);
  const std::string log = podman().logs(pod + "-app", 100).value_or("?");
  EXPECT_THAT(log, AllOf(HasSubstr("one\n"), HasSubstr("two\n"), HasSubstr("three\n")))
      << "of stderr, when it came";
  EXPECT_EQ(podman().logs(pod + "-side", 100).value_or("?"), "x\n") << "a line without an end";
  EXPECT_EQ(podman().logs(pod + "-many", 2).value_or("?"), "4\n5\n");
}

TEST_F(PodmanPods, AreFoundAgainAndRemoved) {
  const std::string pod = name("lives");
  ASSERT_NO_FATAL_FAILURE(play(this->pod(pod, {{"app", {"wait", "600000"}}})));
  {
    const auto again = podman::Podman::open({.directory = directory() / "podman"});
    ASSERT_TRUE(again) << again.error().message;
    const auto listed = again->list(label());
    ASSERT_TRUE(listed) << listed.error().message;
    ASSERT_EQ(listed->size(), 1u);
    EXPECT_EQ(listed->front().name, pod);
    EXPECT_EQ(listed->front().containers.at(0).name, "app");
    const auto seen = again->inspect(pod);
    ASSERT_TRUE(seen) << seen.error().message;
    EXPECT_TRUE(seen->containers.at(0).alive());
    ASSERT_TRUE(again->remove(pod));
  }
  EXPECT_TRUE(podman().list(label())->empty());
  EXPECT_EQ(podman().inspect(pod).error().kind, podman::Refusal::missing);
  EXPECT_FALSE(std::filesystem::exists(directory() / "podman/pods" / pod));
  EXPECT_TRUE(podman().remove(pod)) << "one that is not there";
}

TEST_F(PodmanPods, TellOutOfMemoryFromOtherKills) {
  if (!no_limits().empty()) GTEST_SKIP() << no_limits();
  const std::string eats = name("eats"), killed = name("killed");
  ASSERT_NO_FATAL_FAILURE(play(this->pod(eats, {{"app", {"eat", "64"}}, {"side", {"exit", "0"}}})));
  play(this->pod(killed, {{"app", {"wait", "600000"}}}));
  ASSERT_TRUE(podman().signal(killed + "-app", "KILL"));
  auto out_of_memory = ended(eats);
  EXPECT_EQ(out_of_memory["app"].exit_code, 137);
  EXPECT_TRUE(out_of_memory["app"].oom_killed);
  EXPECT_FALSE(out_of_memory["side"].oom_killed);
  auto other = ended(killed);
  EXPECT_EQ(other["app"].exit_code, 137);
  EXPECT_FALSE(other["app"].oom_killed);
}

TEST_F(PodmanPods, TellTheSignalThatEndedThem) {
  const std::string crashes = name("crashes"), asked = name("asked");
  ASSERT_NO_FATAL_FAILURE(play(this->pod(crashes, {{"app", {"crash"}}})));
  play(this->pod(asked, {{"app", {"wait", "600000"}}}));
  ASSERT_TRUE(podman().signal(asked + "-app", "TERM"));
  EXPECT_EQ(ended(crashes)["app"].exit_code, 128 + SIGSEGV);
  EXPECT_EQ(ended(asked)["app"].exit_code, 128 + SIGTERM);
}

TEST_F(PodmanPods, ShareNoEmptyDir) {
  const std::string writes = name("writes"), reads = name("reads");
  ASSERT_NO_FATAL_FAILURE(
      play(this->pod(writes, {{"app", {"put", "/scanflow/secret", "mine", "wait", "600000"}}})));
  play(this->pod(reads, {{"app", {"say", "I see:", "print", "/scanflow/secret"}}}));
  EXPECT_EQ(ended(reads)["app"].exit_code, 0);
  EXPECT_EQ(podman().logs(reads + "-app", 10).value_or("?"), "I see:\n");
}

TEST_F(PodmanPods, ReachThisMachine) {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 4), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  std::jthread server([&] {
    const UniqueFd client(::accept(listener.get(), nullptr, nullptr));
    if (client) {
      EXPECT_EQ(::write(client.get(), "hello", 5), 5);
    }
  });
  const std::string pod = name("dials");
  ASSERT_NO_FATAL_FAILURE(play(this->pod(
      pod, {{"app", {"dial", podman::Podman::kHost, std::to_string(ntohs(address.sin_port))}}})));
  ended(pod);
  EXPECT_EQ(podman().logs(pod + "-app", 10).value_or("?"),
            std::string(podman::Podman::kHost) + " says hello\n");
  ::shutdown(listener.get(), SHUT_RDWR);  // wakes the server where nobody came
}

TEST_F(PodmanPods, MayUseTheNetworkOfThisMachine) {
  const std::string pod = name("host");
  nlohmann::json manifest = this->pod(pod, {{"app", {"print", "/proc/net/dev"}}});
  manifest["spec"]["hostNetwork"] = true;
  ASSERT_NO_FATAL_FAILURE(play(manifest));
  ended(pod);
  std::istringstream devices(read("/proc/net/dev"));
  std::string line;
  while (std::getline(devices, line) && line.find(':') == std::string::npos) {
  }
  const auto log = podman().logs(pod + "-app", 100);
  ASSERT_TRUE(log);
  EXPECT_THAT(*log, HasSubstr(line.substr(0, line.find(':') + 1)));
}

}  // namespace
}  // namespace scanflow::test
