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

bool has_ended(const json& pod) {
  const std::string phase = pod.value("/status/phase"_json_pointer, "");
  return phase == "Succeeded" || phase == "Failed";
}

}  // namespace

Kubelet::Kubelet(KubeServer& server, KubeletOptions options)
    : server_(server),
      options_(std::move(options)),
      cluster_(
          server.with([](Cluster& cluster) -> std::reference_wrapper<Cluster> { return cluster; })),
      pods_(cluster_.known.core("pods")) {
  locked([&] {
    for (const std::string& node : options_.nodes) join(node);
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

void Kubelet::join(const std::string& name) {
  const Resource& nodes = cluster_.known.core("nodes");
  if (cluster_.store.find(nodes, name)) return;
  const Held node = add_object(
      cluster_, nodes, {{"apiVersion", "v1"}, {"kind", "Node"}, {"metadata", {{"name", name}}}});
  json ready = node->object();
  ready["status"]["conditions"] = json::array({{{"type", "Ready"}, {"status", "True"}}});
  cluster_.store.put(nodes, std::move(ready));
}

std::string Kubelet::choose_node() const {
  const Resource& nodes = cluster_.known.core("nodes");
  for (std::size_t tried = 0; tried < options_.nodes.size(); ++tried) {
    const std::string& name = options_.nodes[(made_ + tried) % options_.nodes.size()];
    const Held node = cluster_.store.find(nodes, name);
    const bool cordoned = !node || node->object()["spec"].value("unschedulable", false);
    if (!cordoned && !lost_.contains(name)) return name;
  }
  return "";
}

void Kubelet::schedule(const std::string& key, json pod, const PodScript& script) {
  json condition = {{"type", "PodScheduled"}, {"lastProbeTime", nullptr}};
  const std::string node = choose_node();
  const bool placed = script.unschedulable.empty() && !node.empty();
  condition["status"] = placed ? "True" : "False";
  if (!placed) {
    condition["reason"] = "Unschedulable";
    condition["message"] =
        node.empty() ? "no nodes available to schedule pods" : script.unschedulable;
    condition["observedGeneration"] = pod["metadata"]["generation"];
  } else {
    pod["spec"]["nodeName"] = node;
  }
  set_condition(pod["status"]["conditions"], std::move(condition), cluster_.now());
  const Held looked_at = cluster_.store.put(pods_, std::move(pod));
  if (placed) start(key, looked_at->object(), script);
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
                        const std::string& text, std::int64_t time_us) {
  locked([&] {
    const std::int64_t at_us = time_us == 0 ? cluster_.now_s() * 1'000'000 : time_us;
    cluster_.logs.write(uid_of(pod), container, at_us, text);
  });
}

void Kubelet::tear_log(const std::string& pod, const std::string& container,
                       const std::string& line, std::int64_t time_us, bool hangs) {
  locked([&] { cluster_.logs.tear(uid_of(pod), container, {time_us, line}, hangs); });
}

std::string Kubelet::uid_of(const std::string& pod) const {
  const Held now = held(key_of_pod(pod));
  if (!now) throw std::runtime_error("there is no Pod " + pod);
  return now->object()["metadata"]["uid"];
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
