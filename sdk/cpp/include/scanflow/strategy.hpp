// A strategy: it decides. Pure in shape, as triggers are.
#pragma once

#include <scanflow/abi/strategy.h>

#include <cstdint>
#include <optional>
#include <scanflow/detail/library.hpp>

namespace scanflow {
inline namespace sdk {

namespace detail {
struct StrategyKind;
}

struct Evidence {
  std::int64_t now_us = 0;       // microseconds since 1970-01-01 UTC: the only clock there is
  nlohmann::json evidence = {};  // what the trigger saw, and the answers to what was asked to see
  std::string_view state = {};   // the bytes that the last decision left; empty at first
};

/// One primitive to carry out; the rule's guards pass it or hold it.
struct Action {
  std::string primitive;  // that the description lists; where it lists none: that the rule allows
  nlohmann::json target = nlohmann::json::object();
  nlohmann::json args = nlohmann::json::object();
  std::string reason = {};  // why, for people: it stands in the decision log
};

struct Decision {
  std::vector<Action> actions = {};
  std::optional<std::string> state = std::nullopt;  // the whole new state; none: unchanged; 64 KiB
};

class Strategy {
 public:
  using PluginKind = detail::StrategyKind;

  virtual ~Strategy() = default;
  /// Same arguments, same answer. Must return within its deadline (1 s by default).
  virtual Decision decide(const Evidence& evidence) = 0;
};

namespace detail {

template <class Plugin>
class StrategyTrampoline {
 public:
  static std::int32_t create(const scanflow_host* host, std::string_view config,
                             scanflow_strategy** out) {
    *out = &(new StrategyTrampoline(host, config))->abi_;
    return SCANFLOW_OK;
  }

 private:
  StrategyTrampoline(const scanflow_host* host, std::string_view config)
      : host_(host), plugin_(make_plugin<Plugin>(config)) {}

  static StrategyTrampoline& self(const scanflow_strategy* strategy) {
    return *static_cast<StrategyTrampoline*>(strategy->data);
  }
  static const scanflow_descriptor* descriptor(const scanflow_strategy*) noexcept {
    return descriptor_of<Plugin>();
  }

  static std::int32_t decide(scanflow_strategy* strategy,
                             const scanflow_decide* question) noexcept {
    auto& me = self(strategy);
    return guarded(me.host_, [&]() -> std::int32_t {
      Strategy& plugin = me.plugin_;
      const auto decision = plugin.decide({question->now_us,
                                           question->evidence.len == 0
                                               ? nlohmann::json()
                                               : nlohmann::json::parse(text(question->evidence)),
                                           text(question->state)});
      for (const auto& action : decision.actions) {
        const nlohmann::json document = {{"primitive", action.primitive},
                                         {"target", action.target},
                                         {"args", action.args},
                                         {"reason", action.reason}};
        write(question->actions, document.dump(), "an action");
      }
      if (decision.state) write(question->state_out, *decision.state, "the strategy's state");
      return SCANFLOW_OK;
    });
  }

  static void destroy(scanflow_strategy* strategy) noexcept { delete &self(strategy); }
  static const void* get_extension(const scanflow_strategy*, const char*) noexcept {
    return nullptr;
  }

  scanflow_strategy abi_ = {
      sizeof(scanflow_strategy), 0, this, &descriptor, &decide, &destroy, &get_extension};
  const scanflow_host* host_;
  Plugin plugin_;
};

struct StrategyKind {
  using Instance = scanflow_strategy;
  using Factory = scanflow_strategy_factory;
  template <class Plugin>
  using Trampoline = StrategyTrampoline<Plugin>;
  static constexpr const char* kFactoryId = SCANFLOW_STRATEGY_FACTORY;
};

}  // namespace detail
}  // namespace sdk
}  // namespace scanflow
