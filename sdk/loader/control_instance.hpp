// Triggers and strategies at the host's side: calls that are pure in shape, whose answers are checked here, so that what
// comes out is small, of the right form, and can be committed.
#pragma once

#include <scanflow/abi/strategy.h>
#include <scanflow/abi/trigger.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/result.hpp"
#include "sdk/loader/library.hpp"

namespace scanflow::loader {

using nlohmann::json;

inline constexpr std::size_t kMaxControlState = std::size_t{64} << 10;  // bytes
inline constexpr std::size_t kMaxControlAnswer =
    std::size_t{1} << 20;  // bytes of firings, or actions, of one call
inline constexpr std::size_t kMaxFirings = 1000, kMaxActions = 100;  // of one call

/// One line that a plugin logs. `level`: SCANFLOW_LOG_INFO, ...
using ControlLog = std::function<void(std::int32_t level, std::string_view line)>;

/// What a plugin of either kind calls. Not movable: the plugin holds its address.
class ControlHost {
 public:
  explicit ControlHost(ControlLog log);
  ControlHost(const ControlHost&) = delete;
  ControlHost& operator=(const ControlHost&) = delete;

  const scanflow_host* abi() const { return &host_; }
  /// What set_error said since the last time, or that it said nothing.
  Error take_error(const std::string& what, std::int32_t status);

 private:
  static void on_log(const scanflow_host* host, std::int32_t level, scanflow_view line) noexcept;
  static void on_error(const scanflow_host* host, scanflow_view message) noexcept;
  static const void* extension(const scanflow_host*, const char*) noexcept { return nullptr; }

  scanflow_host host_;
  ControlLog log_;
  std::string error_;
};

/// Why a trigger is woken: scanflow_wake.
struct WakeUp {
  std::int32_t reason = SCANFLOW_WAKE_START;
  std::int64_t now_us = 0;  // microseconds since 1970-01-01 UTC
  json event;               // null for START and TIME
  std::string state;        // that was committed last; empty: none
};
struct Woken {
  std::vector<json> fires;                   // the evidence of each firing: objects
  std::optional<std::string> state;          // the whole new one; none: as before
  std::optional<std::int64_t> next_wake_us;  // none: woken by events only
};

class TriggerInstance {
 public:
  /// `config`: JSON object, checked before. The error says what the plugin did.
  static Result<std::unique_ptr<TriggerInstance>> create(std::shared_ptr<const Library> library,
                                                         const std::string& id, const json& config,
                                                         ControlLog log);
  ~TriggerInstance();
  Result<Woken> wake(const WakeUp& why);
  /// What else than time it is to be woken for: {"source": "events", "type"}, {"source": "samples", "name", "labels"}.
  Result<std::vector<json>> watches();

 private:
  TriggerInstance(std::shared_ptr<const Library> library, std::string id, ControlLog log);

  std::shared_ptr<const Library> library_;
  const std::string id_;
  ControlHost host_;
  scanflow_trigger* trigger_ = nullptr;
};

struct Question {
  std::int64_t now_us = 0;  // microseconds since 1970-01-01 UTC
  json evidence;            // an object
  std::string state;        // that was committed last; empty: none
};
struct WantedAction {
  std::string primitive;
  json target, args;  // objects
  std::string reason;
};
struct Decided {
  std::vector<WantedAction> actions;
  std::optional<std::string> state;  // the whole new one; none: as before
};

class StrategyInstance {
 public:
  /// As TriggerInstance::create.
  static Result<std::unique_ptr<StrategyInstance>> create(std::shared_ptr<const Library> library,
                                                          const std::string& id, const json& config,
                                                          ControlLog log);
  ~StrategyInstance();
  Result<Decided> decide(const Question& question);

 private:
  StrategyInstance(std::shared_ptr<const Library> library, std::string id, ControlLog log);

  std::shared_ptr<const Library> library_;
  const std::string id_;
  ControlHost host_;
  scanflow_strategy* strategy_ = nullptr;
};

}  // namespace scanflow::loader
