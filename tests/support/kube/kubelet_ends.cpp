// How containers end, and Pods with them; how their resources change in place.
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "tests/support/kube/kubelet.hpp"
#include "tests/support/kube/objects.hpp"

namespace scanflow::test::kube {

void Kubelet::set_ended(const std::string& key, ContainerFacts& container, int code, bool oom) {
  const std::string began =
      container.state.value("/running/startedAt"_json_pointer, cluster_.now());
  container.state = {{"terminated",
                      {{"exitCode", code},
                       {"reason", oom         ? "OOMKilled"
                                  : code == 0 ? "Completed"
                                              : "Error"},
                       {"startedAt", began},
                       {"finishedAt", cluster_.now()},
                       {"containerID", container.id}}}};
  if (const Held now = held(key))
    cluster_.logs.end(now->object()["metadata"]["uid"], container.name);
}

bool Kubelet::restarts(const json& pod, const ContainerFacts& container) const {
  if (is_deleted(pod)) return false;
  if (container.sidecar) return true;
  const std::string policy = pod["spec"].value("restartPolicy", "Always");
  return policy == "Always" || (policy == "OnFailure" && container.exit_code() != 0);
}

void Kubelet::on_exit(const std::string& key, const std::string& container, int code, bool oom) {
  const Held now = held(key);
  PodFacts* known = facts(key);
  ContainerFacts* one = known == nullptr ? nullptr : known->find(container);
  if (!now || one == nullptr)
    throw std::runtime_error(fmt::format("no node runs {} of Pod {}", container, key));
  if (one->ended()) return;
  if (known->phase == "Pending" && !one->init) start_mains(key);
  set_ended(key, *one, code, oom);
  const bool ending = known->done() && one->sidecar;
  if (!ending && !stopping_.contains(key) && restarts(now->object(), *one)) {
    write(key);
    if (facts(key) == nullptr) return;
    one->last = one->state;
    ++one->restarts;
    cluster_.logs.begin_again(now->object()["metadata"]["uid"], container);
    set_running(*one);
    return write(key);
  }
  end_if_done(key);
}

void Kubelet::end_if_done(const std::string& key) {
  PodFacts& known = *facts(key);
  const Held now = held(key);
  const bool sidecars = std::any_of(known.containers.begin(), known.containers.end(),
                                    [](const ContainerFacts& one) { return one.runs(); });
  if (!known.done() || (sidecars && stopping_.contains(key))) return write(key);
  if (sidecars) {
    write(key);
    if (options_.stop) {
      stopping_.insert(key);
      outside_.after(std::chrono::milliseconds(0), [this, pod = now->object()] {
        options_.stop(pod, pod["spec"].value("terminationGracePeriodSeconds", 30));
      });
      return;
    }
    for (ContainerFacts& one : known.containers) {
      if (one.runs()) set_ended(key, one, options_.sidecar_exit, false);
    }
  }
  if (std::any_of(known.containers.begin(), known.containers.end(),
                  [](const ContainerFacts& one) { return one.sidecar; }))
    write(key);  // all has ended, and the phase is not yet said
  known.phase = known.succeeded() ? "Succeeded" : "Failed";
  write(key);
  const Held last = held(key);
  if (last && is_deleted(last->object())) finish(cluster_, pods_, key);
}

void Kubelet::fail_now(const std::string& key, const std::string& reason,
                       const std::string& message) {
  PodFacts* known = facts(key);
  if (known == nullptr) throw std::runtime_error("no node has Pod " + key);
  for (ContainerFacts& one : known->containers) {
    if (!one.ended()) set_ended(key, one, options_.killed_exit, false);
  }
  known->failing = true;
  known->phase = "Failed";
  known->reason = reason;
  known->message = message;
  write(key);
}

void Kubelet::end_deleted(const std::string& key, const json& pod) {
  PodFacts* known = facts(key);
  if (known == nullptr || known->phase == "Pending") return finish(cluster_, pods_, key);
  if (!stopping_.insert(key).second) return;
  write(key);
  if (options_.stop) {
    outside_.after(std::chrono::milliseconds(0), [this, pod] {
      options_.stop(pod, pod["metadata"].value("deletionGracePeriodSeconds", 30));
    });
    return;
  }
  for (ContainerFacts& one : known->containers) {
    if (!one.ended()) set_ended(key, one, options_.killed_exit, false);
  }
  known->phase = known->succeeded() ? "Succeeded" : "Failed";
  write(key);
  finish(cluster_, pods_, key);
}

// --- resources that change in place

bool Kubelet::is_resized(const json& pod, const PodFacts& facts) const {
  for (const char* list : {"containers", "initContainers"}) {
    for (const json& declared : pod["spec"].value(list, json::array())) {
      for (const ContainerFacts& one : facts.containers) {
        if (one.name == declared["name"] &&
            one.resources != declared.value("resources", json::object()))
          return true;
      }
    }
  }
  return false;
}

void Kubelet::resize(const std::string& key, const json& pod, const PodScript& script) {
  PodFacts& known = *facts(key);
  if (!script.resize_pending.empty()) {
    json next = pod;
    set_condition(next["status"]["conditions"],
                  {{"type", "PodResizePending"},
                   {"status", "True"},
                   {"lastProbeTime", nullptr},
                   {"observedGeneration", pod["metadata"]["generation"]},
                   {"reason", script.resize_pending},
                   {"message", "Node didn't have enough resource"}},
                  cluster_.now(), true);
    cluster_.store.put(pods_, std::move(next));
    return;
  }
  const PodFacts wanted = facts_of(pod);
  for (std::size_t i = 0; i < known.containers.size(); ++i)
    known.containers[i].allocated = wanted.containers[i].allocated;
  known.resizing = true;
  write(key);
  for (std::size_t i = 0; i < known.containers.size(); ++i)
    known.containers[i].resources = wanted.containers[i].resources;
  known.resizing = false;
  write(key);
}

}  // namespace scanflow::test::kube
