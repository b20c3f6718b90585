// Scheduler, nodes and kubelet in one, for KubeServer: takes Pods through the phases that were
// recorded of real ones. What becomes of a Pod's containers the test says.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/kube/pod_status.hpp"
#include "tests/support/kube/server.hpp"

namespace scanflow::test::kube {

/// What is decided of Pods beforehand; of scripts whose pattern fits, the first counts.
struct PodScript {
  std::string pod = "*";            // a pattern of names
  std::string unschedulable = {};   // why no node takes it; "": one does
  std::string no_image = {};        // a container whose image is not there
  bool holds = false;               // it stays Pending on its node
  bool lingers = false;             // once deleted, it does not end
  std::string resize_pending = {};  // "Deferred", "Infeasible": why it is not resized; "": it is
  /// Containers that end by themselves as soon as they run, with these codes.
  std::map<std::string, int> exits = {};
};

struct KubeletOptions {
  std::vector<std::string> nodes = {"vm"};
  /// Are Pods looked at as soon as something changes? Otherwise by step().
  bool at_once = true;
  int sidecar_exit = 137;  // of an init container that restarts always, when it is told to end
  int killed_exit = 137;   // of a container that is killed
  /// Really runs a Pod's containers, and ends them; exit() says how each of them ended, sidecars
  /// too. On a thread of the kubelet's; a Pod is Running when `run` returns its address (empty: one
  /// that is made up). None: containers run until they are told.
  std::function<std::string(const json& pod)> run = {};
  std::function<void(const json& pod, std::int64_t grace_s)> stop = {};
};

/// All calls: from any thread. Pods are of the namespace `default`, or said as "namespace/name".
class Kubelet : private Listener {
 public:
  explicit Kubelet(KubeServer& server, KubeletOptions options = {});
  ~Kubelet() override;
  Kubelet(const Kubelet&) = delete;
  Kubelet& operator=(const Kubelet&) = delete;

  void script(PodScript script);
  /// Looks at every Pod that has changed since.
  void step();
  /// No script holds it any more: what waited goes on.
  void go_on(const std::string& pod);

  /// A container ends. `oom`: by the kernel, for its memory.
  void exit(const std::string& pod, const std::string& container, int code, bool oom = false);
  /// `time_us`: Unix time; 0: now.
  void write_log(const std::string& pod, const std::string& container, const std::string& text,
                 std::int64_t time_us = 0);
  /// The same of one line, in the middle of which those who follow lose the connection; see Logs::tear().
  void tear_log(const std::string& pod, const std::string& container, const std::string& line,
                std::int64_t time_us, bool hangs);
  /// For want of a node's resources: it has Failed.
  void evict(const std::string& pod);
  /// Its activeDeadlineSeconds are over.
  void end_by_deadline(const std::string& pod);
  /// Its Pods are told to end, and nobody there ends them: they stay, Terminating, until it is back
  /// or they are deleted without grace.
  void lose_node(const std::string& node);
  void bring_back(const std::string& node);

 private:
  void on_event(const Told& event) override;
  void look(const std::string& key);
  void join(const std::string& node);
  /// One that is there and not cordoned; "": none.
  std::string choose_node() const;
  void schedule(const std::string& key, json pod, const PodScript& script);
  void start(const std::string& key, const json& pod, const PodScript& script);
  void start_inits(const std::string& key, PodFacts& facts, const PodScript& script);
  void start_mains(const std::string& key);
  void run_outside(const std::string& key, const json& pod);
  void set_running(ContainerFacts& container);
  void set_ended(const std::string& key, ContainerFacts& container, int code, bool oom);
  bool restarts(const json& pod, const ContainerFacts& container) const;
  void on_exit(const std::string& key, const std::string& container, int code, bool oom);
  /// What is to end when the containers that count have: sidecars, and then the Pod.
  void end_if_done(const std::string& key);
  void fail_now(const std::string& key, const std::string& reason, const std::string& message);
  void end_deleted(const std::string& key, const json& pod);
  void resize(const std::string& key, const json& pod, const PodScript& script);
  bool is_resized(const json& pod, const PodFacts& facts) const;
  void write(const std::string& key);

  PodScript script_of(const std::string& key) const;
  Held held(const std::string& key) const;
  std::string uid_of(const std::string& pod) const;
  PodFacts* facts(const std::string& key);
  template <class Use>
  void locked(Use use) {
    server_.with([&](Cluster& /*ours*/) { use(); });
  }

  KubeServer& server_;
  const KubeletOptions options_;
  Cluster& cluster_;  // under the server's lock, as all that follows
  const Resource& pods_;
  std::map<std::string, PodFacts> facts_;
  std::vector<PodScript> scripts_;
  std::set<std::string> changed_, released_, lost_, stopping_;
  std::uint64_t made_ = 0;  // containers, addresses
  Timer outside_;           // where `run` and `stop` are called
};

}  // namespace scanflow::test::kube
