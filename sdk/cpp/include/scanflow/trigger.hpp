// A trigger: it notices. Pure in shape: no thread, no clock and no hidden state of its own, so that
// it replays, tests well and survives a restart.
#pragma once

#include <scanflow/abi/trigger.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <scanflow/detail/library.hpp>
#include <string_view>
#include <vector>

namespace scanflow {
inline namespace sdk {

namespace detail {
struct TriggerKind;
}

enum class WakeReason : std::int32_t {
  start = SCANFLOW_WAKE_START,
  time = SCANFLOW_WAKE_TIME,
  event = SCANFLOW_WAKE_EVENT,
  sample = SCANFLOW_WAKE_SAMPLE
};

struct Wake {
  WakeReason reason = WakeReason::start;
  std::int64_t now_us = 0;      // microseconds since 1970-01-01 UTC: the only clock there is
  nlohmann::json event = {};    // the event or sample; null for start and time
  std::string_view state = {};  // the bytes that the last wake left; empty at first
};

struct WakeResult {
  std::vector<nlohmann::json> fires = {};                   // the evidence of each firing
  std::optional<std::int64_t> next_wake_us = std::nullopt;  // none: woken by events only
  std::optional<std::string> state = std::nullopt;  // the whole new state; none: unchanged; 64 KiB
};

class Trigger {
 public:
  using PluginKind = detail::TriggerKind;

  virtual ~Trigger() = default;
  /// Same arguments, same answer. Must return within its deadline (1 s by default).
  virtual WakeResult wake(const Wake& wake) = 0;
  /// What else than time it is to be woken for: {"source": "samples", "name", "labels"},
  /// {"source": "events", "type": "drift.*"}, {"source": "objects", ...}. Always the same.
  virtual std::vector<nlohmann::json> watches() const { return {}; }
};

namespace detail {

template <class Plugin>
class TriggerTrampoline {
 public:
  static std::int32_t create(const scanflow_host* host, std::string_view config,
                             scanflow_trigger** out) {
    *out = &(new TriggerTrampoline(host, config))->abi_;
    return SCANFLOW_OK;
  }

 private:
  TriggerTrampoline(const scanflow_host* host, std::string_view config)
      : host_(host), plugin_(make_plugin<Plugin>(config)) {}

  static TriggerTrampoline& self(const scanflow_trigger* trigger) {
    return *static_cast<TriggerTrampoline*>(trigger->data);
  }
  static const scanflow_descriptor* descriptor(const scanflow_trigger*) noexcept {
    return descriptor_of<Plugin>();
  }

  static std::int32_t wake(scanflow_trigger* trigger, const scanflow_wake* wake,
                           std::int64_t* next_wake_us) noexcept {
    auto& me = self(trigger);
    return guarded(me.host_, [&]() -> std::int32_t {
      Trigger& plugin = me.plugin_;
      const auto result = plugin.wake(
          {static_cast<WakeReason>(wake->reason), wake->now_us,
           wake->event.len == 0 ? nlohmann::json() : nlohmann::json::parse(text(wake->event)),
           text(wake->state)});
      for (const auto& evidence : result.fires) {
        write(wake->fires, nlohmann::json{{"evidence", evidence}}.dump(), "a firing");
      }
      if (result.state) write(wake->state_out, *result.state, "the trigger's state");
      *next_wake_us = result.next_wake_us.value_or(std::numeric_limits<std::int64_t>::max());
      return SCANFLOW_OK;
    });
  }

  static void destroy(scanflow_trigger* trigger) noexcept { delete &self(trigger); }
  static std::int32_t watches(const scanflow_trigger* trigger, scanflow_sink out) noexcept {
    const auto& me = self(trigger);
    return guarded(me.host_, [&]() -> std::int32_t {
      for (const auto& each : static_cast<const Trigger&>(me.plugin_).watches())
        write(out, each.dump(), "what it is woken for");
      return SCANFLOW_OK;
    });
  }
  static const void* get_extension(const scanflow_trigger*, const char* id) noexcept {
    static constexpr scanflow_trigger_watch kWatch = {sizeof(scanflow_trigger_watch), 0, &watches};
    return std::string_view(id) == SCANFLOW_TRIGGER_WATCH ? &kWatch : nullptr;
  }

  scanflow_trigger abi_ = {
      sizeof(scanflow_trigger), 0, this, &descriptor, &wake, &destroy, &get_extension};
  const scanflow_host* host_;
  Plugin plugin_;
};

struct TriggerKind {
  using Instance = scanflow_trigger;
  using Factory = scanflow_trigger_factory;
  template <class Plugin>
  using Trampoline = TriggerTrampoline<Plugin>;
  static constexpr const char* kFactoryId = SCANFLOW_TRIGGER_FACTORY;
};

}  // namespace detail
}  // namespace sdk
}  // namespace scanflow
