// What makes Pods: podman on this machine, or a cluster's API server. Calls return at once.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::backend {

/// A container has ended.
struct ContainerEnd {
  std::string pod, container;  // as in the manifest
  int exit_code = 0;           // 128 + the signal's number where one ended it
  /// A name of pipeline::Cause where it was not by itself: "oom", "evicted", "lost", "timeout"; else empty.
  std::string cause;
  std::string
      last_words;  // the end of what it wrote; of a cause that is not its own, what is known of that
};

/// Why a Pod could not be made.
struct NotMade {
  std::string cause;  // a name of pipeline::Cause: "config" where trying again changes nothing
  std::string message;
};

/// What the Pods of a driver are like.
struct PodTraits {
  bool native_sidecars = false;  // an init container stays, and is started again (Kubernetes 1.29)
  bool meet = true;              // they reach each other over the network
  bool secrets = false;          // keys lie in a Secret of the Pod's name, not in its manifest
};

/// What is to be made.
struct PodOrder {
  nlohmann::json manifest;
  std::map<std::string, std::string> secret;  // of its name, gone with it; empty: none
};

class PodDriver {
 public:
  /// Told on the engine's strand.
  struct Events {
    std::function<void(const ContainerEnd&)> ended;
    std::function<void(const std::string& pod)> placed;  // node() knows it now
    std::function<void(const std::string&)> trouble;     // a line for whoever runs the engine
  };

  virtual ~PodDriver() = default;
  /// Finds out whether Pods can run; gives the names of those of this state directory that there are.
  virtual void open(std::function<void(Result<std::vector<std::string>>)> then) = 0;
  /// The name by which a Pod reaches the engine's machine.
  virtual std::string host() const = 0;
  /// Once it is open.
  virtual PodTraits traits() const = 0;
  /// The machine that a Pod is on; empty: not known (yet).
  virtual std::string node(const std::string& pod) const = 0;
  /// Where the other Pods reach it.
  virtual void find_address(const std::string& pod,
                            std::function<void(Result<std::string>)> then) = 0;
  /// Makes and starts it. `then`: nothing where it runs. Of one that fails nothing stays.
  virtual void make(PodOrder order, std::function<void(std::optional<NotMade>)> then) = 0;
  /// Ends whatever runs of it, also of one that is being made. One that is not there: done.
  virtual void remove(const std::string& pod) = 0;
  /// Starts a container of a living Pod again.
  virtual void revive(const std::string& pod, const std::string& container) = 0;
};

}  // namespace scanflow::backend
