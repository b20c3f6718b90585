// From a planned step to the request document of one attempt.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>

#include "engine/runtime/active_run.hpp"
#include "engine/runtime/state_directory.hpp"
#include "sdk/base/result.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::runtime {

/// One per run. Where one step after the other says the same `with`, without expressions, it is
/// checked and bound once.
class RequestMaker {
 public:
  explicit RequestMaker(const StateDirectory& state) : state_(state) {}

  /// That of whoever asked for the run. Steps get those variables that the workers, which start with
  /// the engine's `own`, do not have so; and the secrets that they name.
  void set_environment(Environment wanted, const Environment& own);
  const Environment& environment() const { return environment_; }
  /// Variables that only steps get that take a secret from them: for all others they are empty.
  void withhold(const std::set<std::string>& variables);
  const std::set<std::string>& withheld() const { return withheld_; }

  /// An error is the user's to mend (cause config).
  Result<std::shared_ptr<const protocol::Request>> make(const ActiveRun& run, std::uint32_t step,
                                                        std::uint32_t attempt);

 private:
  struct Bound {
    json with;
    std::string config;
    std::vector<protocol::Input> inputs;
  };
  Result<protocol::Request> prototype(const ActiveRun& run, std::uint32_t spec);
  Result<const Bound*> bound_as_written(const pipeline::Step& step,
                                        const loader::PluginInfo& plugin);
  void add_environment(const ActiveRun& run, const pipeline::Step& step,
                       protocol::Request& request) const;
  Result<void> add_secrets(const ActiveRun& run, const pipeline::Step& step,
                           protocol::Request& request) const;

  StateDirectory state_;
  Environment environment_;
  Environment added_;  // to the workers' own
  std::set<std::string> withheld_;
  std::string log_dir_;  // made with the first request, which also takes over checkpoints
  std::unordered_map<std::uint32_t, protocol::Request> prototypes_;  // of matrices, by Plan's spec
  std::unordered_map<const loader::PluginInfo*, Bound> bound_;       // each plugin's last one
};

}  // namespace scanflow::runtime
