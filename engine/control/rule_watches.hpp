// What the triggers of an agent's rules wait for, as they say it themselves: asked of a control host of this machine.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/control/host_process.hpp"
#include "engine/pipeline/agent_spec.hpp"
#include "sdk/base/result.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::control {

/// Of one version. Thread-safe.
class RuleWatches {
 public:
  RuleWatches(std::shared_ptr<const loader::Catalog> catalog, std::filesystem::path worker,
              std::function<void(const std::string& line)> log);
  /// {"source", ...} each. Its trigger is asked once, which blocks until it is loaded; an error: it cannot be.
  Result<std::vector<json>> of(const pipeline::AgentRule& rule);

 private:
  Result<std::vector<json>> ask(const pipeline::AgentRule& rule);

  const std::shared_ptr<const loader::Catalog> catalog_;
  std::mutex mutex_;  // of what follows
  HostProcess host_;
  std::map<std::string, Result<std::vector<json>>> asked_;  // by rule
};

}  // namespace scanflow::control
