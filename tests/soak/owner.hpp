// The hub's owner, as the engine is: what it has committed outlives every hub.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "engine/hub/hub.hpp"

namespace scanflow::test {

class Owner {
 public:
  struct Command {
    std::string pod;
    std::int64_t deadline_us = 0;
    std::multiset<std::string> outcomes;
  };
  struct Stored {  // of one Pod
    std::uint64_t last = 0, metrics = 0;
  };
  /// Samples of one sidecar's boot; and of these, those that came to this hub.
  struct Samples {
    double last = 0;
    std::uint64_t here = 0;
  };

  Owner(std::uint32_t seed, std::string hub_secret, std::string hub_user_key)
      : random_(seed), secret_(std::move(hub_secret)), user_key_(std::move(hub_user_key)) {}

  /// Kills the hub that there is, and begins the next; gives its port.
  int begin_hub();
  void kill_hub() { hub_.reset(); }
  void stall_hub(std::int64_t us);
  void order(const std::string& pod, std::int64_t deadline_us);
  /// Commits what is due; `all`: what there is.
  void commit(bool all);
  bool all_commands_ended();
  std::string odd();  // that hubs have told
  /// Of a sidecar, as the hub sees it.
  /// None: the hub does not know it.
  std::optional<hub::TelemetryAccount> account(const std::string& pod);

  /// After the hub is killed.
  const std::map<std::string, Command>& commands() const { return commands_; }
  const std::map<std::string, Stored>& stored() const { return stored_; }
  const std::map<std::string, Samples>& samples() const { return samples_; }  // by boot
  const std::vector<std::string>& broken() const { return broken_; }
  std::uint64_t hubs() const { return term_; }

 private:
  struct Uncommitted {
    hub::SidecarKey from;
    std::uint64_t number;
    protocol::Message message;
    std::int64_t at_us;
  };

  hub::HubEvents events();
  void store(const Uncommitted& each);

  std::mutex mutex_;  // all below; the hub is begun and killed without it
  std::mt19937 random_;
  const std::string secret_, user_key_;
  std::map<std::string, Command> commands_;
  std::map<std::string, Stored> stored_;
  std::map<std::string, Samples> samples_;
  std::vector<Samples*> by_number_;  // what HubEvents::series gave, less one
  std::deque<Uncommitted> uncommitted_;
  std::map<std::string, std::uint64_t> odd_;
  std::vector<std::string> broken_;  // promises
  std::uint64_t term_ = 0;
  std::unique_ptr<hub::Hub> hub_;
};

}  // namespace scanflow::test
