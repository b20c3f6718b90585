#include "engine/control/rule_watches.hpp"

#include <fmt/format.h>

#include <utility>

namespace scanflow::control {

RuleWatches::RuleWatches(std::shared_ptr<const loader::Catalog> catalog,
                         std::filesystem::path worker,
                         std::function<void(const std::string& line)> log)
    : catalog_(std::move(catalog)),
      host_({.worker = std::move(worker),
             .log = [log = std::move(log)](std::int32_t, std::string_view line) {
               log(std::string(line));
             }}) {}

Result<std::vector<json>> RuleWatches::of(const pipeline::AgentRule& rule) {
  const std::lock_guard lock(mutex_);
  const auto known = asked_.find(rule.name);
  return known != asked_.end() ? known->second : asked_.emplace(rule.name, ask(rule)).first->second;
}

Result<std::vector<json>> RuleWatches::ask(const pipeline::AgentRule& rule) {
  const loader::PluginInfo* const info = catalog_->find(rule.on.uses);
  if (info == nullptr)
    return fail(fmt::format("the trigger '{}' is not there any more", rule.on.uses));
  if (const auto running = host_.start(); !running) return tl::unexpected(running.error());
  const auto loaded = host_.ask({{"op", "load"},
                                 {"id", 0},
                                 {"kind", "trigger"},
                                 {"library", info->library.string()},
                                 {"plugin", rule.on.uses},
                                 {"config", rule.on.with}});
  if (!loaded) return tl::unexpected(loaded.error());
  if (host_.is_running()) (void)host_.ask({{"op", "drop"}, {"id", 0}});  // it said what it can
  return loaded->at("watches").get<std::vector<json>>();
}

}  // namespace scanflow::control
