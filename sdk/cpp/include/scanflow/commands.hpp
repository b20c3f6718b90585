// What a step lets one do to it while it runs. Declared once, by a static function of the step:
//
//   struct Rate {                                   // the arguments, as a configuration (config.hpp)
//     double learning_rate = 0;
//     template <class V> void fields(V& f) { f("learning_rate", learning_rate).required().above(0); }
//   };
//   static void commands(scanflow::Commands<Train>& offer) {
//     offer.pausable();
//     offer.at_safe_point("set_param", "changes the learning rate", &Train::set_param);
//     offer.at_safe_point("stop_early", "ends after this epoch", &Train::stop_early);
//   }
//   nlohmann::json set_param(scanflow::Context&, const Rate& rate);
//   nlohmann::json stop_early(scanflow::Context&);
//
// At a safe point: the thread of `run` carries it out when it calls context.safe_point(), so that it
// meets no thread but its own. At once: on a thread of the host's, while `run` runs. Either answers
// a JSON object (null: nothing to say); what it throws fails the command, not the step.
#pragma once

#include <scanflow/config.hpp>
#include <scanflow/context.hpp>
#include <scanflow/detail/mailbox.hpp>

namespace scanflow {
inline namespace sdk {

template <class Plugin>
class Commands {
 public:
  using json = nlohmann::json;

  /// "pause" and "resume": at the next safe point the step waits, until it is resumed or cancelled;
  /// other commands are carried out meanwhile. Each is answered when it has come to that. `told`:
  /// called on the thread of `run` when a pause begins, and when it ends by "resume".
  void pausable(void (Plugin::*told)(Context&, bool paused) = nullptr) {
    const auto set = [this, told](const char* name, const char* summary, bool paused) {
      const auto handler = [told, paused](Plugin& plugin, detail::Mailbox& mailbox, const json&) {
        return mailbox.ask([&plugin, &mailbox, told, paused](Context& context) -> json {
          if (mailbox.pause(paused) && told != nullptr) (plugin.*told)(context, paused);
          return {{"paused", paused}};
        });
      };
      add(name, summary, empty_schema(), handler);
    };
    set("pause", "waits at its next safe point until it is resumed", true);
    set("resume", "goes on", false);
  }

  void at_safe_point(const char* name, const char* summary, json (Plugin::*handler)(Context&)) {
    add(name, summary, empty_schema(),
        [handler](Plugin& plugin, detail::Mailbox& mailbox, const json&) {
          return mailbox.ask(
              [&plugin, handler](Context& context) { return (plugin.*handler)(context); });
        });
  }
  template <class Arguments>
  void at_safe_point(const char* name, const char* summary,
                     json (Plugin::*handler)(Context&, const Arguments&)) {
    add(name, summary, config_schema<Arguments>(),
        [handler](Plugin& plugin, detail::Mailbox& mailbox, const json& given) {
          const auto arguments = read<Arguments>(given);
          return mailbox.ask([&plugin, handler, arguments](Context& context) {
            return (plugin.*handler)(context, arguments);
          });
        });
  }

  void at_once(const char* name, const char* summary, json (Plugin::*handler)()) {
    add(name, summary, empty_schema(),
        [handler](Plugin& plugin, detail::Mailbox&, const json&) { return (plugin.*handler)(); });
  }
  template <class Arguments>
  void at_once(const char* name, const char* summary, json (Plugin::*handler)(const Arguments&)) {
    add(name, summary, config_schema<Arguments>(),
        [handler](Plugin& plugin, detail::Mailbox&, const json& given) {
          return (plugin.*handler)(read<Arguments>(given));
        });
  }

  // --- for the layer itself ---
  using Handler = std::function<json(Plugin&, detail::Mailbox&, const json& arguments)>;
  /// What step.commands/1 lists.
  const json& list() const { return list_; }
  /// Null where there is none of that name.
  const Handler* find(std::string_view name) const {
    for (std::size_t i = 0; i < handlers_.size(); ++i) {
      if (list_[i]["name"] == name) return &handlers_[i];
    }
    return nullptr;
  }

 private:
  static json empty_schema() {
    return {{"type", "object"}, {"properties", json::object()}, {"additionalProperties", false}};
  }
  template <class Arguments>
  static Arguments read(const json& given) {
    Arguments arguments;
    detail::read_object(given, "arguments", arguments);
    return arguments;
  }
  void add(const char* name, const char* summary, json schema, Handler handler) {
    list_.push_back({{"name", name}, {"summary", summary}, {"schema", std::move(schema)}});
    handlers_.push_back(std::move(handler));
  }

  json list_ = json::array();
  std::vector<Handler> handlers_;  // of the same index
};

namespace detail {

/// Built once and kept for the life of the library; nobody can add to it then.
template <class Plugin>
const Commands<Plugin>& commands_of() {
  static const Commands<Plugin> commands = [] {
    Commands<Plugin> offer;
    if constexpr (requires { Plugin::commands(offer); }) Plugin::commands(offer);
    return offer;
  }();
  return commands;
}

}  // namespace detail
}  // namespace sdk
}  // namespace scanflow
