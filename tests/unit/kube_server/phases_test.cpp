// The fake kubelet against a real one's watch: for each Pod that was recorded, the same events in the
// same order, as far as a client may depend on them.
#include <gmock/gmock.h>

#include <fstream>

#include "tests/support/kube/kubelet.hpp"
#include "tests/support/kube_recordings.hpp"
#include "tests/unit/kube_server/client.hpp"
#include "tests/unit/kube_server/manifests.hpp"

namespace scanflow::test::kube {
namespace {

/// Lines of a recorded watch that are of one object.
std::vector<json> recorded_events(const std::string& file, const std::string& name) {
  std::vector<json> events;
  std::ifstream stream(std::string(std::getenv("SCANFLOW_KUBE")) + "/fixtures/" + file);
  for (std::string line; std::getline(stream, line);) {
    json event = json::parse(line);
    if (event["object"]["metadata"].value("name", "").starts_with(name))
      events.push_back(std::move(event));
  }
  return events;
}

json state_of(json state) {
  for (auto& [kind, detail] : state.items()) {
    for (const char* moment : {"startedAt", "finishedAt", "containerID"}) detail.erase(moment);
  }
  return state;
}

/// What a client may depend on, without moments and machines.
json seen_of(const json& event) {
  const json &object = event["object"], &metadata = object["metadata"];
  const json status = object.value("status", json::object());
  json seen = {{"type", event["type"]},
               {"generation", metadata.value("generation", 0)},
               {"grace", metadata.value("deletionGracePeriodSeconds", -1)},
               {"scheduled", object["spec"].contains("nodeName")},
               {"address", status.contains("podIP")}};
  for (const char* member : {"phase", "reason", "message", "observedGeneration", "qosClass"})
    seen[member] = status.value(member, json());
  for (const json& one : status.value("conditions", json::array()))
    seen["conditions"].push_back({one["type"], one["status"], one.value("reason", ""),
                                  one.value("message", ""),
                                  one.value("observedGeneration", json())});
  for (const char* list : {"initContainerStatuses", "containerStatuses"}) {
    for (const json& one : status.value(list, json::array()))
      seen[list].push_back({{"name", one["name"]},
                            {"state", state_of(one["state"])},
                            {"last", state_of(one["lastState"])},
                            {"ready", one["ready"]},
                            {"started", one["started"]},
                            {"restarts", one["restartCount"]},
                            {"resources", one.value("resources", json())},
                            {"allocated", one.value("allocatedResources", json())}});
  }
  return seen;
}

/// Each once, however often it was written for others' sake.
std::vector<std::string> seen_of(const std::vector<json>& events) {
  std::vector<std::string> all;
  for (const json& event : events) {
    std::string seen = seen_of(event).dump(1);
    if (all.empty() || all.back() != seen) all.push_back(std::move(seen));
  }
  return all;
}

class PhasesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("SCANFLOW_KUBE") == nullptr) GTEST_SKIP() << kNoRecordings;
    server_.create(namespace_of("fx"));
  }
  static ServerOptions quiet() {
    ServerOptions options;
    options.bookmarks = std::chrono::milliseconds(0);
    return options;
  }

  /// The manifest that a recording begins with.
  json manifest_of(const std::string& name) {
    const json added = recorded_events("pods.watch.jsonl", name).at(0)["object"];
    json manifest = {{"apiVersion", "v1"}, {"kind", "Pod"}, {"spec", added["spec"]}};
    manifest["metadata"] = {{"name", name}, {"namespace", "fx"}};
    return manifest;
  }
  void make(const std::string& name) { server_.create(manifest_of(name)); }

  std::vector<json> events_of(const std::string& name) {
    const auto watch = client_.watch(
        "/api/v1/namespaces/fx/pods?watch=1&allowWatchBookmarks=true&resourceVersion=1"
        "&timeoutSeconds=20");
    server_.send_bookmarks();
    std::vector<json> events;
    while (const auto line = watch->line()) {
      json event = json::parse(*line);
      if (event["type"] == "BOOKMARK") break;
      if (event["object"]["metadata"].value("name", "").starts_with(name))
        events.push_back(std::move(event));
    }
    return events;
  }
  void is_as_recorded(const std::string& name) {
    const auto ours = seen_of(events_of(name));
    const auto theirs = seen_of(recorded_events("pods.watch.jsonl", name));
    for (std::size_t i = 0; i < std::max(ours.size(), theirs.size()); ++i) {
      ASSERT_LT(i, theirs.size()) << name << ": one too many: " << ours[i];
      ASSERT_LT(i, ours.size()) << name << ": one is missing: " << theirs[i];
      ASSERT_EQ(ours[i], theirs[i]) << name << ", event " << i;
    }
  }

  KubeServer server_{quiet()};
  Client client_{server_, server_.admin_token()};
  Kubelet kubelet_{server_};
};

TEST_F(PhasesTest, APodThatEndsWell) {
  make("ok");
  kubelet_.exit("fx/ok", "main", 0);
  is_as_recorded("ok");
}

TEST_F(PhasesTest, PodsThatFail) {
  make("fail");
  kubelet_.exit("fx/fail", "main", 3);
  is_as_recorded("fail");
  make("oom");
  kubelet_.exit("fx/oom", "main", 137, true);
  is_as_recorded("oom");
  make("segv");
  kubelet_.exit("fx/segv", "main", 139);
  is_as_recorded("segv");
}

TEST_F(PhasesTest, ADeadlineThatIsOver) {
  make("deadline");
  kubelet_.end_by_deadline("fx/deadline");
  is_as_recorded("deadline");
}

TEST_F(PhasesTest, PodsThatDoNotStart) {
  PodScript missing{.pod = "nopull"}, nowhere{.pod = "unschedulable"};
  missing.no_image = "main";
  nowhere.unschedulable =
      "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. no new claims "
      "to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for "
      "scheduling.";
  kubelet_.script(missing);
  kubelet_.script(nowhere);
  make("nopull");
  is_as_recorded("nopull");
  make("unschedulable");
  is_as_recorded("unschedulable");
}

TEST_F(PhasesTest, APodThatIsDeletedWhileItRuns) {
  make("killed");
  EXPECT_EQ(client_.ask("DELETE", "/api/v1/namespaces/fx/pods/killed").status, 200);
  is_as_recorded("killed");
}

TEST_F(PhasesTest, APodThatIsResized) {
  make("resize");
  const json last = recorded_events("pods.watch.jsonl", "resize").back()["object"];
  json containers = json::array();
  for (const json& one : last["spec"]["containers"])
    containers.push_back({{"name", one["name"]}, {"resources", one["resources"]}});
  const Given resized = client_.ask("PATCH", "/api/v1/namespaces/fx/pods/resize/resize",
                                    {{"spec", {{"containers", containers}}}},
                                    "application/strategic-merge-patch+json");
  EXPECT_EQ(resized.status, 200) << resized.text;
  is_as_recorded("resize");
}

}  // namespace
}  // namespace scanflow::test::kube
