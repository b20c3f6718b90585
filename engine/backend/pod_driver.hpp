// What makes Pods: podman on this machine, or a cluster's API server. Calls return at once.
#pragma once

#include <cstdint>
#include <functional>
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
  bool out_of_memory = false;
  std::string last_words;  // the end of what it wrote
};

/// Why a Pod could not be made.
struct NotMade {
  std::string cause;  // a name of pipeline::Cause: "config" where trying again changes nothing
  std::string message;
};

class PodDriver {
 public:
  /// Told on the engine's strand.
  struct Events {
    std::function<void(const ContainerEnd&)> ended;
    std::function<void(const std::string&)> trouble;  // a line for whoever runs the engine
  };

  virtual ~PodDriver() = default;
  /// Finds out whether Pods can run; gives the names of those of this state directory that there are.
  virtual void open(std::function<void(Result<std::vector<std::string>>)> then) = 0;
  /// The name by which a Pod reaches the engine's machine.
  virtual std::string host() const = 0;
  /// The machine that its Pods run on, once it is open; empty: not known.
  virtual std::string node() const = 0;
  /// Makes and starts it. `then`: nothing where it runs. Of one that fails nothing stays.
  virtual void make(nlohmann::json manifest, std::function<void(std::optional<NotMade>)> then) = 0;
  /// Ends whatever runs of it, also of one that is being made. One that is not there: done.
  virtual void remove(const std::string& pod) = 0;
  /// Starts a container of a living Pod again.
  virtual void revive(const std::string& pod, const std::string& container) = 0;
};

}  // namespace scanflow::backend
