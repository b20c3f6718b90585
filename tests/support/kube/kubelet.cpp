#include "tests/support/kube/kubelet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "tests/support/kube/objects.hpp"

namespace scanflow::test::kube {
namespace {

std::string key_of_pod(const std::string& pod) {
  return pod.find('/') == std::string::npos ? "default/" + pod : pod;
}

bool is_deleted(const json& pod) { return pod["metadata"].contains("deletionTimestamp"); }

bool has_ended(const json& pod) {
  const std::string phase = pod.value("/status/phase"_json_pointer, "");
  return phase == "Succeeded" || phase == "Failed";
}

}  // namespace

template <class Use>
void Kubelet::locked(Use use) {
  server_.with([&](Cluster& /*ours*/) { use(); });
}

Kubelet::Kubelet(KubeServer& server, KubeletOptions options)
    : server_(server),
      options_(std::move(options)),
      cluster_(
          server.with([](Cluster& cluster) -> std::reference_wrapper<Cluster> { return cluster; })),
      pods_(cluster_.known.core("pods")) {
  locked([&] {
    cluster_.store.add_listener(pods_, this);
    for (const auto& [key, pod] : Store::Objects(cluster_.store.objects(pods_))) look(key);
  });
}

Kubelet::~Kubelet() {
  outside_.stop();
  locked([&] { cluster_.store.remove_listener(pods_, this); });
}

void Kubelet::on_event(const Told& event) {
  const std::string key = key_of(pods_, (event->now ? event->now : event->before)->object());
  if (!event->now) {
    facts_.erase(key);
    stopping_.erase(key);
    released_.erase(key);
  } else if (options_.at_once) {
    look(key);
  } else {
    changed_.insert(key);
  }
}

void Kubelet::step() {
  locked([&] {
    for (const std::string& key : std::exchange(changed_, {})) look(key);
  });
}

// --- what a Pod needs next

void Kubelet::look(const std::string& key) {
  const Held now = held(key);
  if (!now || has_ended(now->object())) return;
  const json& pod = now->object();
  const PodScript script = script_of(key);
  const std::string node = pod["spec"].value("nodeName", "");
  if (lost_.contains(node)) return;
  if (is_deleted(pod)) {
    if (!script.lingers) end_deleted(key, pod);
  } else if (node.empty()) {
    schedule(key, pod, script);
  } else if (facts(key) == nullptr) {
    start(key, pod, script);
  } else if (is_resized(pod, *facts(key))) {
    resize(key, pod, script);
  }
}

void Kubelet::schedule(const std::string& key, json pod, const PodScript& script) {
  json condition = {{"type", "PodScheduled"}, {"lastProbeTime", nullptr}};
  std::string node;
  for (const std::string& one : options_.nodes) {
    if (!lost_.contains(one)) node = one;
  }
  if (!script.unschedulable.empty() || node.empty()) {
    condition["status"] = "False";
    condition["reason"] = "Unschedulable";
    condition["message"] =
        node.empty() ? "no nodes available to schedule pods" : script.unschedulable;
    condition["observedGeneration"] = pod["metadata"]["generation"];
    set_condition(pod["status"]["conditions"], std::move(condition), cluster_.now());
    cluster_.store.put(pods_, std::move(pod));
    return;
  }
  condition["status"] = "True";
  pod["spec"]["nodeName"] = options_.nodes[made_ % options_.nodes.size()];
  if (lost_.contains(pod["spec"]["nodeName"])) pod["spec"]["nodeName"] = node;
  set_condition(pod["status"]["conditions"], std::move(condition), cluster_.now());
  pod["status"]["conditions"][0].erase("reason");
  const Held placed = cluster_.store.put(pods_, std::move(pod));
  start(key, placed->object(), script);
}

// --- how it begins

void Kubelet::start(const std::string& key, const json& pod, const PodScript& script) {
  PodFacts& begun = facts_[key] = facts_of(pod);
  begun.started_at = cluster_.now();
  write(key);
  if (script.holds) return;
  begun.sandbox = true;
  begun.ip = "";
  write(key);
  begun.ip = fmt::format("10.244.{}.{}", made_ / 250 % 250, made_ % 250 + 1);
  ++made_;
  start_inits(key, begun, script);
  if (begun.phase != "Pending") return;
  if (ContainerFacts* missing = begun.find(script.no_image); missing != nullptr) {
    missing->state = {
        {"waiting",
         {{"reason", "ErrImageNeverPull"},
          {"message", fmt::format("Container image \"{}\" is not present with pull policy of Never",
                                  missing->image)}}}};
    return write(key);
  }
  if (options_.run) return run_outside(key, pod);
  start_mains(key);
  for (const auto& [container, code] : script.exits) {
    if (facts(key) != nullptr) on_exit(key, container, code, false);
  }
}

void Kubelet::start_inits(const std::string& key, PodFacts& facts, const PodScript& script) {
  for (ContainerFacts& one : facts.containers) {
    if (!one.init) continue;
    set_running(one);
    write(key);
    if (one.sidecar) continue;
    const auto scripted = script.exits.find(one.name);
    set_ended(key, one, scripted == script.exits.end() ? 0 : scripted->second, false);
    if (one.exit_code() != 0) facts.phase = "Failed";
    write(key);
    if (one.exit_code() != 0) return;
  }
}

void Kubelet::start_mains(const std::string& key) {
  PodFacts& begun = *facts(key);
  for (ContainerFacts& one : begun.containers) {
    if (!one.init && !one.ended()) set_running(one);
  }
  begun.phase = "Running";
  write(key);
}

void Kubelet::run_outside(const std::string& key, const json& pod) {
  outside_.after(std::chrono::milliseconds(0), [this, key, pod] {
    options_.run(pod);
    locked([&] {
      const Held now = held(key);
      if (!now || now->object()["metadata"]["uid"] != pod["metadata"]["uid"]) return;
      if (facts(key) != nullptr && facts(key)->phase == "Pending") start_mains(key);
    });
  });
}

void Kubelet::set_running(ContainerFacts& container) {
  container.state = {{"running", {{"startedAt", cluster_.now()}}}};
  container.id = fmt::format("containerd://{:064x}", ++made_);
  container.pulled = true;
}

// --- how containers end

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

// --- what the test says

void Kubelet::script(PodScript script) {
  locked([&] { scripts_.push_back(std::move(script)); });
}

void Kubelet::go_on(const std::string& pod) {
  const std::string key = key_of_pod(pod);
  locked([&] {
    released_.insert(key);
    const Held now = held(key);
    const bool waits = facts(key) != nullptr && facts(key)->phase == "Pending";
    if (waits && now && !is_deleted(now->object())) facts_.erase(key);  // it begins anew
    look(key);
  });
}

void Kubelet::exit(const std::string& pod, const std::string& container, int code, bool oom) {
  locked([&] { on_exit(key_of_pod(pod), container, code, oom); });
}

void Kubelet::write_log(const std::string& pod, const std::string& container,
                        const std::string& text) {
  locked([&] {
    const Held now = held(key_of_pod(pod));
    if (!now) throw std::runtime_error("there is no Pod " + pod);
    cluster_.logs.write(now->object()["metadata"]["uid"], container, cluster_.now_s(), text);
  });
}

void Kubelet::evict(const std::string& pod) {
  locked([&] { fail_now(key_of_pod(pod), "Evicted", "The node was low on resource: memory. "); });
}

void Kubelet::end_by_deadline(const std::string& pod) {
  const std::string key = key_of_pod(pod);
  locked([&] {
    if (facts(key) == nullptr) throw std::runtime_error("no node has Pod " + key);
    facts(key)->failing = true;
    write(key);
    fail_now(key, "DeadlineExceeded",
             "Pod was active on the node longer than the specified deadline");
  });
}

void Kubelet::lose_node(const std::string& node) {
  locked([&] {
    lost_.insert(node);
    const Store::Objects all = cluster_.store.objects(pods_);
    for (const auto& [key, pod] : all) {
      if (pod->object()["spec"].value("nodeName", "") == node)
        delete_object(cluster_, pods_, key, {});
    }
  });
}

void Kubelet::bring_back(const std::string& node) {
  locked([&] {
    lost_.erase(node);
    const Store::Objects all = cluster_.store.objects(pods_);
    for (const auto& [key, pod] : all) look(key);
  });
}

// --- what is known

void Kubelet::write(const std::string& key) {
  const Held now = held(key);
  if (!now || facts(key) == nullptr) return;
  json pod = now->object();
  pod["status"] = status_of_pod(pod, *facts(key), cluster_.now());
  cluster_.store.put(pods_, std::move(pod));
}

PodScript Kubelet::script_of(const std::string& key) const {
  const std::string name = key.substr(key.find('/') + 1);
  for (const PodScript& one : scripts_) {
    if (!released_.contains(key) && matches_pattern(one.pod, name)) return one;
  }
  return {};
}

Held Kubelet::held(const std::string& key) const { return cluster_.store.find(pods_, key); }

PodFacts* Kubelet::facts(const std::string& key) {
  const auto found = facts_.find(key);
  return found == facts_.end() ? nullptr : &found->second;
}

}  // namespace scanflow::test::kube
