// Events: what the server refuses of them.
#include <gmock/gmock.h>

#include "tests/unit/kube_server/fixture.hpp"

namespace scanflow::test::kube {
namespace {

constexpr const char* kEvents = "/apis/events.k8s.io/v1/namespaces/default/events";

class EventsTest : public KubeTest {
 protected:
  static json event(const std::string& name) {
    return {{"apiVersion", "events.k8s.io/v1"},
            {"kind", "Event"},
            {"metadata", {{"name", name}, {"namespace", "default"}}},
            {"eventTime", "2026-07-01T03:00:00.000000Z"},
            {"reportingController", "example.com/test"},
            {"reportingInstance", "test-1"},
            {"type", "Normal"},
            {"reason", "Tried"},
            {"action", "try"},
            {"note", "it was tried"},
            {"regarding", {{"kind", "ConfigMap"}, {"namespace", "default"}, {"name", "a"}}}};
  }
  /// The field that is wrong; "" where it is taken.
  std::string refused(json event) {
    const Given given = client_.ask("POST", kEvents, event);
    if (given.status == 201) return "";
    return given.body()["details"]["causes"][0].value("field", "?");
  }
};

TEST_F(EventsTest, HaveFieldsThatMustBeThere) {
  for (const char* field :
       {"eventTime", "reportingController", "reportingInstance", "type", "reason", "action"}) {
    json lacks = event("lacks");
    lacks.erase(field);
    EXPECT_EQ(refused(lacks), field);
  }
  json elsewhere = event("e"), long_note = event("e"), node = event("of-a-node");
  elsewhere["regarding"]["namespace"] = "kube-system";
  EXPECT_EQ(refused(elsewhere), "involvedObject.namespace");
  long_note["note"] = std::string(1025, 'n');
  EXPECT_EQ(refused(long_note), "message");
  node["regarding"] = {{"kind", "Node"}, {"name", "vm"}};
  EXPECT_EQ(refused(node), "") << "of what has no namespace they are in default";
  EXPECT_EQ(refused(event("whole")), "");
}

TEST_F(EventsTest, OnlyTheirSeriesChanges) {
  server_.create(event("a"));
  const auto patch = [&](const json& change) {
    return client_.ask("PATCH", std::string(kEvents) + "/a", change, kMerge).status;
  };
  const json when = "2026-07-01T03:05:00.000000Z";
  EXPECT_EQ(patch({{"series", {{"count", 2}, {"lastObservedTime", when}}}}), 200);
  EXPECT_EQ(patch({{"series", {{"count", 1}}}}), 422);
  EXPECT_EQ(patch({{"note", "else"}}), 422);
  EXPECT_EQ(client_.ask("GET", kEvents).body()["items"].size(), 1u);
}

}  // namespace
}  // namespace scanflow::test::kube
