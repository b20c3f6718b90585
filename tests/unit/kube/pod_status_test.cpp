#include "engine/kube/pod_status.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "engine/kube/lean.hpp"
#include "tests/support/kube_recordings.hpp"

namespace scanflow::kube {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using State = ContainerStatus::State;

/// The states that the Pods of a watch went through.
class RecordedPods : public testing::Test {
 protected:
  void SetUp() override {
    const char* kube = std::getenv("SCANFLOW_KUBE");
    if (kube == nullptr) GTEST_SKIP() << test::kNoRecordings;
    std::ifstream stream(std::string(kube) + "/fixtures/pods.watch.jsonl");
    for (std::string line; std::getline(stream, line);) {
      const json event = json::parse(line);
      if (event["type"] == "BOOKMARK") continue;
      all_[event["object"]["metadata"]["name"]].push_back(read_pod_status(event["object"]));
    }
    ASSERT_FALSE(all_.empty());
  }
  const PodStatus& last(const std::string& pod) { return all_.at(pod).back(); }
  /// The first state in which a container has ended.
  const ContainerStatus& end(const std::string& pod) {
    for (const PodStatus& status : all_.at(pod)) {
      const ContainerStatus* main = status.find("main");
      if (main != nullptr && main->state == State::terminated) return *main;
    }
    throw std::runtime_error(pod + " has not ended");
  }
  std::map<std::string, std::vector<PodStatus>> all_;
};

TEST_F(RecordedPods, EndAsTheirContainersDo) {
  EXPECT_EQ(end("ok").exit_code, 0);
  EXPECT_EQ(end("fail").exit_code, 3);
  EXPECT_EQ(end("segv").exit_code, 139);
  EXPECT_EQ(end("oom").exit_code, 137);
  EXPECT_TRUE(end("oom").out_of_memory());
  EXPECT_FALSE(end("killed").out_of_memory());
  for (const char* pod : {"ok", "fail", "segv", "oom"})
    EXPECT_FALSE(last(pod).trouble) << pod << ": its container says it all";
}

TEST_F(RecordedPods, WaitForTheirStartWithoutTrouble) {
  for (const char* pod : {"ok", "fail", "resize"}) {
    for (const PodStatus& status : all_.at(pod))
      EXPECT_FALSE(status.trouble) << status.trouble->message;
  }
  EXPECT_EQ(all_.at("ok").front().node, "");
  EXPECT_NE(last("ok").node, "");
}

TEST_F(RecordedPods, SayWhyTheyDoNotStart) {
  ASSERT_TRUE(last("nopull").trouble);
  EXPECT_EQ(last("nopull").trouble->cause, "config");
  EXPECT_FALSE(last("nopull").trouble->may_pass);
  EXPECT_THAT(last("nopull").trouble->message,
              testing::AllOf(HasSubstr("container main does not start: ErrImageNeverPull"),
                             HasSubstr("localhost/nosuch:1"), HasSubstr("imagePullPolicy")));
  ASSERT_TRUE(last("unschedulable").trouble);
  EXPECT_TRUE(last("unschedulable").trouble->may_pass);
  EXPECT_THAT(last("unschedulable").trouble->message,
              testing::AllOf(HasSubstr("0/1 nodes are available"), HasSubstr("nodeSelector")));
}

TEST_F(RecordedPods, SayWhoEndedThem) {
  ASSERT_TRUE(last("deadline").trouble);
  EXPECT_EQ(last("deadline").trouble->cause, "timeout");
  EXPECT_TRUE(last("killed").deleting);
}

json pod_with(const char* status) {
  return {{"metadata", {{"name", "p"}, {"uid", "u"}}}, {"status", json::parse(status)}};
}
Trouble trouble(const char* status) {
  return read_pod_status(pod_with(status)).trouble.value_or(Trouble{"none", "", false});
}

TEST(PodStatus, KnowsWhatWasNotRecorded) {
  EXPECT_EQ(
      trouble(
          R"({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."})")
          .cause,
      "evicted");
  EXPECT_EQ(
      trouble(
          R"({"phase": "Running", "reason": "NodeLost", "message": "Node n which was running pod p is unresponsive"})")
          .cause,
      "lost");
  EXPECT_EQ(
      trouble(R"({"phase": "Running", "conditions": [{"type": "DisruptionTarget", "status": "True",
            "reason": "DeletionByTaintManager", "message": "Taint manager: deleting due to NoExecute taint"}]})")
          .cause,
      "lost");
  EXPECT_EQ(
      trouble(R"({"phase": "Running", "conditions": [{"type": "DisruptionTarget", "status": "True",
            "reason": "PreemptionByScheduler", "message": "preempting to accommodate a higher priority pod"}]})")
          .cause,
      "evicted");
  EXPECT_EQ(
      trouble(
          R"({"phase": "Failed", "reason": "OutOfcpu", "message": "Node didn't have enough resource: cpu"})")
          .cause,
      "retryable");
  const Trouble image =
      trouble(R"({"phase": "Pending", "containerStatuses": [{"name": "step", "state": {"waiting":
            {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"x\""}}}]})");
  EXPECT_TRUE(image.may_pass);
  EXPECT_THAT(image.message, HasSubstr("imagePullSecrets"));
  EXPECT_THAT(
      trouble(
          R"({"phase": "Running", "containerStatuses": [{"name": "step", "state": {"terminated": {"exitCode": 128,
            "reason": "StartError", "message": "exec: \"nope\": executable file not found"}}}]})")
          .message,
      HasSubstr("is its command in the image?"));
  EXPECT_EQ(trouble(R"({"phase": "Running"})").cause, "none");
}

TEST_F(RecordedPods, SayTheSameWhereMostOfThemIsLeftOut) {
  std::ifstream stream(std::string(std::getenv("SCANFLOW_KUBE")) + "/fixtures/pods.watch.jsonl");
  std::size_t whole = 0, lean = 0;
  for (std::string line; std::getline(stream, line);) {
    const json all = json::parse(line), some = parse_lean(line, kNotStatus);
    EXPECT_EQ(all["type"], some["type"]);
    EXPECT_EQ(all["object"]["status"], some["object"]["status"]);
    EXPECT_EQ(read_pod_status(all["object"]).node, read_pod_status(some["object"]).node);
    whole += all.dump().size();
    lean += some.dump().size();
  }
  EXPECT_LT(lean * 2, whole) << "it is worth it";
}

TEST(Lean, PassesOverFieldsWhereverTheyAre) {
  constexpr std::array kOut = {std::string_view("out")};
  EXPECT_EQ(
      parse_lean(
          R"({"a": {"out": {"b": [1, {"c": 2}]}, "d": 3}, "out": "x", "e": [{"out": 1}, "out"]})",
          kOut),
      json::parse(R"({"a": {"d": 3}, "e": [{}, "out"]})"));
  EXPECT_TRUE(parse_lean("{\"a\": ", kOut).is_discarded());
  EXPECT_TRUE(parse_lean("", kOut).is_discarded());
}

TEST(PodStatus, ReadsWhateverItIsGiven) {
  for (const char* status : {"{}", R"({"phase": 1, "conditions": {}, "containerStatuses": 3})",
                             R"({"containerStatuses": [{"state": {}}, {"name": 4}]})"})
    EXPECT_EQ(read_pod_status(pod_with(status)).name, "p") << status;
  EXPECT_EQ(read_pod_status(json()).name, "");
  EXPECT_EQ(read_pod_status(json("text")).name, "");
}

}  // namespace
}  // namespace scanflow::kube
