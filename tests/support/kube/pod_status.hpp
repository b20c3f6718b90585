// A Pod's status, as a kubelet writes it: of what is known of its containers. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/kube/resource.hpp"

namespace scanflow::test::kube {

struct ContainerFacts {
  std::string name, image, id;
  bool init = false, sidecar = false;  // a sidecar is an init container that restarts always
  json state = json::object();         // {"waiting": {...}}, {"running": ...}, {"terminated": ...}
  json last = json::object();
  int restarts = 0;
  bool pulled = false;
  json resources = json::object(), allocated = json::object();

  bool runs() const { return state.contains("running"); }
  bool ended() const { return state.contains("terminated"); }
  int exit_code() const { return ended() ? state["terminated"].value("exitCode", 0) : 0; }
};

struct PodFacts {
  std::string node, ip, started_at;
  std::vector<ContainerFacts> containers;  // in the order of the manifest, init containers first
  bool sandbox = false;
  bool failing = false;  // it is being ended, and has failed
  bool resizing = false;
  std::string phase = "Pending", reason, message;

  ContainerFacts* find(const std::string& name);
  /// No container runs, and none will.
  bool over() const;
  /// Those that count have all ended, whatever sidecars do.
  bool done() const;
  bool succeeded() const;
  /// All sidecars run and all other init containers have ended.
  bool initialized() const;
};

inline bool is_deleted(const json& pod) { return pod["metadata"].contains("deletionTimestamp"); }
/// Before anything runs.
PodFacts facts_of(const json& pod);
/// `now`: for conditions that have changed.
json status_of_pod(const json& pod, const PodFacts& facts, const std::string& now);
/// A condition, in the place of the one of its type; its time stays where its status does.
void set_condition(json& conditions, json condition, const std::string& now, bool first = false);

}  // namespace scanflow::test::kube
