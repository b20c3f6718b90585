#include "tests/support/kube/workloads.hpp"

#include <algorithm>

namespace scanflow::test::kube {
namespace {

json condition(const char* type, bool holds, const char* reason, const char* message,
               const std::string& now) {
  return {{"type", type},
          {"status", holds ? "True" : "False"},
          {"reason", reason},
          {"message", message},
          {"lastTransitionTime", now}};
}

/// With the time at which its status last changed.
json kept(json one, const json& status) {
  for (const json& before : status.value("conditions", json::array())) {
    if (before["type"] == one["type"] && before["status"] == one["status"])
      one["lastTransitionTime"] = before["lastTransitionTime"];
  }
  return one;
}

json ended(const char* type, const char* reason, const char* message, const std::string& now) {
  json one = condition(type, true, reason, message, now);
  one["lastProbeTime"] = now;
  return one;
}

}  // namespace

bool is_active(const json& pod) {
  const std::string phase = pod.value("/status/phase"_json_pointer, "");
  return phase != "Succeeded" && phase != "Failed" &&
         !pod["metadata"].contains("deletionTimestamp");
}

bool is_ready(const json& pod) {
  const json conditions = pod.value("/status/conditions"_json_pointer, json::array());
  return std::any_of(conditions.begin(), conditions.end(), [](const json& one) {
    return one["type"] == "Ready" && one["status"] == "True";
  });
}

bool has_condition(const json& status, const std::string& type) {
  const json conditions = status.value("conditions", json::array());
  return std::any_of(conditions.begin(), conditions.end(), [&](const json& one) {
    return one["type"] == type && one["status"] == "True";
  });
}

json deployment_status(const json& deployment, const json& current_set, const json& total,
                       const std::string& now) {
  const json before = deployment.value("status", json::object());
  const json current = current_set.value("status", json::object());
  const int wanted = deployment["spec"].value("replicas", 1), ready = total["readyReplicas"];
  const int updated = current.value("replicas", 0);
  const bool available = ready >= wanted;
  const bool rolled_out = updated == wanted && current.value("readyReplicas", 0) == wanted &&
                          total["replicas"] == wanted;
  json status = {{"observedGeneration", deployment["metadata"]["generation"]}};
  const auto set = [&](const char* name, int count) {
    if (count != 0) status[name] = count;
  };
  set("replicas", total["replicas"]);
  set("updatedReplicas", updated);
  set("readyReplicas", ready);
  set("availableReplicas", ready);
  set("unavailableReplicas", std::max(0, wanted - ready));
  status["conditions"] = json::array(
      {kept(available ? condition("Available", true, "MinimumReplicasAvailable",
                                  "Deployment has minimum availability.", now)
                      : condition("Available", false, "MinimumReplicasUnavailable",
                                  "Deployment does not have minimum availability.", now),
            before),
       kept(rolled_out ? condition("Progressing", true, "NewReplicaSetAvailable",
                                   "ReplicaSet has successfully progressed.", now)
                       : condition("Progressing", true, "ReplicaSetUpdated",
                                   "ReplicaSet is progressing.", now),
            before)});
  return status;
}

json set_status_of(const json& set, const std::vector<Held>& pods, bool refused) {
  int count = 0, ready = 0;
  for (const Held& pod : pods) {
    if (!is_active(pod->object())) continue;
    ++count;
    if (is_ready(pod->object())) ++ready;
  }
  json status = {{"observedGeneration", set["metadata"]["generation"]}, {"replicas", count}};
  if (count > 0)
    status[set["kind"] == "StatefulSet" ? "currentReplicas" : "fullyLabeledReplicas"] = count;
  if (ready > 0) status["readyReplicas"] = status["availableReplicas"] = ready;
  if (set["kind"] == "StatefulSet") status["updatedReplicas"] = count;
  if (refused)
    status["conditions"] =
        json::array({{{"type", "ReplicaFailure"}, {"status", "True"}, {"reason", "FailedCreate"}}});
  return status;
}

JobCount count_of(const json& job, const std::vector<Held>& pods) {
  JobCount count;
  for (const Held& held : pods) {
    const json& pod = held->object();
    const std::string phase = pod.value("/status/phase"_json_pointer, "");
    if (phase == "Succeeded") {
      ++count.succeeded;
      if (pod["metadata"].contains("finalizers")) count.ended.push_back(pod["metadata"]["uid"]);
    } else if (phase == "Failed") {
      ++count.failed;
    } else if (pod["metadata"].contains("deletionTimestamp")) {
      ++count.terminating;
    } else {
      ++count.active;
      if (is_ready(pod)) ++count.ready;
    }
  }
  const json& spec = job["spec"];
  const int left = spec.value("completions", 1) - count.succeeded;
  count.wants_more = !spec.value("suspend", false) &&
                     count.active < std::min(left, spec.value("parallelism", 1)) &&
                     count.failed <= spec.value("backoffLimit", 6);
  return count;
}

std::vector<json> job_statuses(const json& job, const JobCount& count, const std::string& now) {
  const json before = job.value("status", json::object());
  json status = {{"startTime", before.value("startTime", now)},
                 {"terminating", count.terminating},
                 {"uncountedTerminatedPods", json::object()},
                 {"ready", count.ready}};
  const bool complete = count.succeeded >= job["spec"].value("completions", 1);
  const bool failed = count.failed > job["spec"].value("backoffLimit", 6);
  if (count.failed > 0) status["failed"] = count.failed;
  if (!complete && !failed) {
    if (count.active > 0) status["active"] = count.active;
    if (count.succeeded > 0) status["succeeded"] = count.succeeded;
    return {status};
  }
  const char* reason = complete ? "CompletionsReached" : "BackoffLimitExceeded";
  const char* message = complete ? "Reached expected number of succeeded pods"
                                 : "Job has reached the specified backoff limit";
  json last = status;
  status["conditions"] =
      json::array({ended(complete ? "SuccessCriteriaMet" : "FailureTarget", reason, message, now)});
  last["conditions"] = status["conditions"];
  last["conditions"].push_back(ended(complete ? "Complete" : "Failed", reason, message, now));
  if (!count.ended.empty()) status["uncountedTerminatedPods"]["succeeded"] = count.ended;
  if (complete) last["completionTime"] = now;
  if (count.succeeded > 0) last["succeeded"] = count.succeeded;
  return {status, last};
}

}  // namespace scanflow::test::kube
