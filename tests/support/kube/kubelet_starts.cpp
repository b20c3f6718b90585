// How Pods begin on their node.
#include <fmt/format.h>

#include "tests/support/kube/kubelet.hpp"

namespace scanflow::test::kube {

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
    const std::string address = options_.run(pod);
    locked([&] {
      const Held now = held(key);
      if (!now || now->object()["metadata"]["uid"] != pod["metadata"]["uid"]) return;
      if (facts(key) == nullptr || facts(key)->phase != "Pending") return;
      if (!address.empty()) facts(key)->ip = address;
      start_mains(key);
    });
  });
}

void Kubelet::set_running(ContainerFacts& container) {
  container.state = {{"running", {{"startedAt", cluster_.now()}}}};
  container.id = fmt::format("containerd://{:064x}", ++made_);
  container.pulled = true;
}

}  // namespace scanflow::test::kube
