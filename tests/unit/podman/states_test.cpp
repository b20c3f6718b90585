#include "engine/podman/states.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/podman/recordings.hpp"

namespace scanflow::podman {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(Played, HasTheIds) {
  const auto played = read_played(recorded::kPlayed);
  ASSERT_TRUE(played) << played.error().message;
  EXPECT_TRUE(played->pod_id.starts_with("83e93f62"));
  ASSERT_EQ(played->container_ids.size(), 2u);
  EXPECT_TRUE(played->container_ids[0].starts_with("759b5453"));
}

TEST(Played, OfOneContainerIsWrittenInTheSingular) {
  std::string text(recorded::kPlayed);
  text.replace(text.find("Containers:"), 11, "Container:");
  text.erase(text.find("656dca"));
  EXPECT_EQ(read_played(text)->container_ids.size(), 1u);
}

TEST(Played, WithoutAPodIsAnError) {
  EXPECT_FALSE(read_played(""));
  EXPECT_FALSE(read_played("Pod:\nnot an id\n"));
  EXPECT_FALSE(read_played("Volumes:\nscanflow\n"));
}

TEST(PodState, HasOurContainersNotPodmans) {
  auto pod = read_pod(recorded::kPod);
  ASSERT_TRUE(pod) << pod.error().message;
  EXPECT_EQ(pod->name, "h2-p1");
  EXPECT_EQ(pod->status, "Degraded");
  EXPECT_EQ(pod->labels.at("scanflow.dev/state"), "abc");
  ASSERT_EQ(pod->containers.size(), 2u);
  EXPECT_EQ(pod->containers[0].name, "infra") << "a container may be called so";
  EXPECT_EQ(pod->containers[1].name, "app");
  EXPECT_EQ(pod->containers[1].full_name, "h2-p1-app");
}

TEST(PodState, KnowsHowContainersAre) {
  auto pod = read_pod(recorded::kPod);
  ASSERT_TRUE(pod && read_containers(recorded::kContainers, *pod));
  const Container& lives = pod->containers[0];
  const Container& ended = pod->containers[1];
  EXPECT_TRUE(lives.alive() && !lives.over());
  EXPECT_EQ(lives.finished_us, 0);
  EXPECT_TRUE(ended.over() && !ended.alive());
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_FALSE(ended.oom_killed);
  EXPECT_EQ(ended.finished_us - ended.started_us, 1'014'392);
}

TEST(PodState, IsAtRestOnceAllIsCleanedUp) {
  const auto pod = [](const std::string& state) {
    return read_pod(R"({"Id": "p", "Name": "n", "State": "Exited", "InfraContainerID": "i",
                        "Containers": [{"Id": "i", "Name": "n-infra", "State": ")" +
                    state + R"("}, {"Id": "a", "Name": "n-app", "State": "exited"}]})")
        ->at_rest;
  };
  EXPECT_FALSE(pod("running"));
  EXPECT_FALSE(pod("stopped")) << "removing it would take seconds";
  EXPECT_TRUE(pod("exited"));
  EXPECT_FALSE(read_pod(recorded::kPod)->at_rest);
}

TEST(PodState, TakesPodman5sListOfOne) {
  const auto pod = read_pod("[" + std::string(recorded::kPod) + "]");
  ASSERT_TRUE(pod);
  EXPECT_EQ(pod->containers.size(), 2u);
}

TEST(PodState, OfOtherTextIsAnError) {
  EXPECT_FALSE(read_pod("Error: no"));
  EXPECT_FALSE(read_pod("[]"));
  EXPECT_FALSE(read_pod("{\"Id\": 7}"));
  Pod pod;
  EXPECT_FALSE(read_containers("{}", pod));
  EXPECT_FALSE(read_pods("nothing"));
}

TEST(Pods, AreListedWithTheirLabels) {
  const auto pods = read_pods(recorded::kPods);
  ASSERT_TRUE(pods) << pods.error().message;
  ASSERT_EQ(pods->size(), 1u);
  const Pod& pod = pods->front();
  EXPECT_EQ(pod.name, "h2-noprog");
  EXPECT_THAT(pod.labels, ElementsAre(Pair("scanflow.dev/state", "abc")));
  ASSERT_EQ(pod.containers.size(), 1u);
  EXPECT_EQ(pod.containers[0].name, "app");
  EXPECT_EQ(pod.containers[0].status, "created");
  EXPECT_TRUE(read_pods("[]")->empty());
}

TEST(Events, TellOfAnEnd) {
  const auto event = read_event(recorded::kDied);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->what, Event::What::died);
  EXPECT_EQ(event->container, "h2-oom-app");
  EXPECT_EQ(event->exit_code, 137);
  EXPECT_EQ(event->labels.at("scanflow.dev/state"), "abc");
  EXPECT_EQ(event->time_us, read_time("2026-11-28T18:42:17.234547Z"));
}

TEST(Events, LeaveOutAnExitCodeOf0) {
  EXPECT_EQ(read_event(R"({"Type":"container","Status":"died","ID":"a"})")->exit_code, 0);
}

TEST(Events, OfOtherThingsAreNone) {
  EXPECT_FALSE(read_event(recorded::kPodEvent));
  EXPECT_FALSE(read_event("Error: cannot"));
  EXPECT_FALSE(read_event(""));
  EXPECT_FALSE(read_event("7"));
}

TEST(Times, AreReadInAnyZoneAndWritten) {
  EXPECT_EQ(read_time("1970-01-01T00:00:01Z"), 1'000'000);
  EXPECT_EQ(read_time("1970-01-01T00:00:01.5Z"), 1'500'000);
  EXPECT_EQ(read_time("1970-01-01T02:00:01.000000001+02:00"), 1'000'000);
  EXPECT_EQ(read_time("0001-01-01T00:00:00Z"), 0);
  EXPECT_EQ(read_time("yesterday"), 0);
  EXPECT_EQ(write_time(1'000'007), "1970-01-01T00:00:01.000007Z");
  EXPECT_EQ(read_time(write_time(1'795'891'337'234'547)), 1'795'891'337'234'547);
}

}  // namespace
}  // namespace scanflow::podman
