#include "tests/support/kube/pod_status.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace scanflow::test::kube {
namespace {

constexpr const char* kImageId =
    "sha256:de126e91187f5fd38edbf816d99cf726451077ae123fc3a987ef0b9d41f17ae2";

using Names = std::vector<std::string>;

template <class Want>
Names names_of(const PodFacts& facts, Want want) {
  Names names;
  for (const ContainerFacts& one : facts.containers) {
    if (want(one)) names.push_back(one.name);
  }
  return names;
}

json condition(const char* type, bool holds, const std::string& reason = "",
               const std::string& message = "") {
  json one = {{"type", type}, {"status", holds ? "True" : "False"}, {"lastProbeTime", nullptr}};
  if (!reason.empty()) one["reason"] = reason;
  if (!message.empty()) one["message"] = message;
  return one;
}

json initialized(const PodFacts& facts) {
  if (facts.initialized() || facts.over())
    return condition("Initialized", true, facts.over() && facts.succeeded() ? "PodCompleted" : "");
  const Names names = names_of(facts, [](const ContainerFacts& one) {
    return one.init && (one.sidecar ? !one.runs() : !(one.ended() && one.exit_code() == 0));
  });
  return condition("Initialized", false, "ContainersNotInitialized",
                   fmt::format("containers with incomplete status: [{}]", fmt::join(names, " ")));
}

json ready(const char* type, const PodFacts& facts) {
  if (facts.over() && !facts.containers.empty() && facts.phase != "Pending")
    return condition(type, false, facts.succeeded() ? "PodCompleted" : "PodFailed");
  if (facts.failing) return condition(type, false, "PodFailed");
  const Names names = names_of(
      facts, [](const ContainerFacts& one) { return (!one.init || one.sidecar) && !one.runs(); });
  if (names.empty()) return condition(type, true);
  return condition(type, false, "ContainersNotReady",
                   fmt::format("containers with unready status: [{}]", fmt::join(names, " ")));
}

json status_of_container(const json& pod, const ContainerFacts& one) {
  json status = {{"name", one.name},
                 {"state", one.state},
                 {"lastState", one.last},
                 {"ready", one.runs() || (one.init && !one.sidecar && one.ended())},
                 {"restartCount", one.restarts},
                 {"image", one.image},
                 {"imageID", one.pulled ? kImageId : ""},
                 {"started", one.runs()}};
  if (!one.id.empty()) {
    status["containerID"] = one.id;
    status["resources"] = one.resources;
    if (!one.allocated.empty()) status["allocatedResources"] = one.allocated;
  }
  for (const char* list : {"containers", "initContainers"}) {
    for (const json& declared : pod["spec"].value(list, json::array())) {
      if (declared["name"] != one.name) continue;
      for (json mount : declared.value("volumeMounts", json::array())) {
        if (mount.value("readOnly", false)) mount["recursiveReadOnly"] = "Disabled";
        status["volumeMounts"].push_back(std::move(mount));
      }
    }
  }
  return status;
}

void add_conditions(json& status, const PodFacts& facts, const std::string& now) {
  json& conditions = status["conditions"];
  json known = json::array();
  std::swap(known, conditions);
  conditions = json::array();
  const auto set = [&](json one) {
    for (const json& before : known) {
      if (before["type"] == one["type"]) conditions.push_back(before);
    }
    set_condition(conditions, std::move(one), now);
  };
  if (facts.resizing) set(condition("PodResizeInProgress", true));
  set(condition("PodReadyToStartContainers",
                facts.sandbox && !(facts.over() && facts.phase != "Pending")));
  set(initialized(facts));
  set(ready("Ready", facts));
  set(ready("ContainersReady", facts));
  set(condition("PodScheduled", true));
  for (json& before : known) {  // others' own
    const auto is_it = [&](const json& one) { return one["type"] == before["type"]; };
    if (before["type"] != "PodResizeInProgress" && before["type"] != "PodResizePending" &&
        std::none_of(conditions.begin(), conditions.end(), is_it))
      conditions.push_back(std::move(before));
  }
}

}  // namespace

ContainerFacts* PodFacts::find(const std::string& name) {
  const auto found = std::find_if(containers.begin(), containers.end(),
                                  [&](const ContainerFacts& one) { return one.name == name; });
  return found == containers.end() ? nullptr : &*found;
}

bool PodFacts::over() const {
  return std::all_of(containers.begin(), containers.end(),
                     [](const ContainerFacts& one) { return one.ended(); });
}

bool PodFacts::done() const {
  return std::all_of(containers.begin(), containers.end(),
                     [](const ContainerFacts& one) { return one.init || one.ended(); });
}

bool PodFacts::succeeded() const {
  return !failing && std::all_of(containers.begin(), containers.end(), [](const auto& one) {
    return one.sidecar || (one.ended() && one.exit_code() == 0);
  });
}

bool PodFacts::initialized() const {
  return std::all_of(containers.begin(), containers.end(), [](const ContainerFacts& one) {
    if (!one.init) return true;
    return one.sidecar ? one.runs() || one.ended() : one.ended() && one.exit_code() == 0;
  });
}

PodFacts facts_of(const json& pod) {
  PodFacts facts;
  facts.node = pod["spec"].value("nodeName", "");
  const json none = json::array();
  const bool has_init = !pod["spec"].value("initContainers", none).empty();
  for (const char* list : {"initContainers", "containers"}) {
    for (const json& declared : pod["spec"].value(list, none)) {
      ContainerFacts one;
      one.name = declared["name"];
      one.image = declared.value("image", "");
      one.init = std::string(list) == "initContainers";
      one.sidecar = one.init && declared.value("restartPolicy", "") == "Always";
      one.state["waiting"] = {{"reason", has_init ? "PodInitializing" : "ContainerCreating"}};
      one.resources = declared.value("resources", json::object());
      one.allocated = one.resources.value("requests", json::object());
      facts.containers.push_back(std::move(one));
    }
  }
  return facts;
}

void set_condition(json& conditions, json condition, const std::string& now, bool first) {
  if (!conditions.is_array()) conditions = json::array();
  const auto found = std::find_if(conditions.begin(), conditions.end(), [&](const json& one) {
    return one["type"] == condition["type"];
  });
  condition["lastTransitionTime"] = now;
  if (found == conditions.end()) {
    conditions.insert(first ? conditions.begin() : conditions.end(), std::move(condition));
    return;
  }
  if ((*found)["status"] == condition["status"])
    condition["lastTransitionTime"] = (*found)["lastTransitionTime"];
  *found = std::move(condition);
}

json status_of_pod(const json& pod, const PodFacts& facts, const std::string& now) {
  const std::int64_t generation = pod["metadata"].value("generation", 1);
  const json before = pod.value("status", json::object());
  json status = {{"observedGeneration", generation},
                 {"phase", facts.phase},
                 {"conditions", before.value("conditions", json::array())},
                 {"hostIP", "192.0.2.2"},
                 {"hostIPs", json::array({{{"ip", "192.0.2.2"}}})},
                 {"startTime", facts.started_at},
                 {"qosClass", before.value("qosClass", "BestEffort")}};
  if (!facts.reason.empty()) status["reason"] = facts.reason;
  if (!facts.message.empty()) status["message"] = facts.message;
  if (!facts.ip.empty()) {
    status["podIP"] = facts.ip;
    status["podIPs"] = json::array({{{"ip", facts.ip}}});
  }
  add_conditions(status, facts, now);
  for (json& one : status["conditions"]) one["observedGeneration"] = generation;
  for (const ContainerFacts& one : facts.containers)
    status[one.init ? "initContainerStatuses" : "containerStatuses"].push_back(
        status_of_container(pod, one));
  return status;
}

}  // namespace scanflow::test::kube
