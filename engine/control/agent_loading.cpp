// The plugins of an agent's rules: loaded into its control host, and again where that has ended; when a rule is looked at next.
#include <fmt/format.h>
#include <scanflow/abi/trigger.h>

#include <algorithm>
#include <utility>

#include "engine/control/agent_runner.hpp"

namespace scanflow::control {
namespace {

constexpr std::int64_t kFirstWaitUs = 1'000'000;

}  // namespace

/// When it is to be looked at next, and what people are shown of it.
void AgentRunner::schedule(Rule& rule) {
  const std::size_t index = index_of(rule);
  if (rule.due_us != INT64_MAX) due_.erase({rule.due_us, index});
  std::int64_t at_us = rule.next_us.value_or(INT64_MAX);
  if (!is_loaded(rule) || rule.tries > 0) at_us = 0;  // as soon as it may
  rule.due_us = at_us == INT64_MAX ? INT64_MAX : std::max(at_us, rule.not_before_us);
  if (rule.due_us != INT64_MAX) due_.insert({rule.due_us, index});
  View view{rule.fired, rule.decided, rule.last_us, rule.next_us.value_or(0), rule.problem};
  const std::lock_guard lock(mutex_);
  (shown_.empty() ? first_shown_ : shown_)[index] = std::move(view);
}

/// Where another process runs than before, or none, all that was loaded is gone.
void AgentRunner::see_host() {
  const std::uint64_t process = host_.is_running() ? host_.started() : 0;
  if (std::exchange(process_, process) == process) return;
  for (Rule& rule : rules_) schedule(rule);
}

Result<json> AgentRunner::load_plugin(std::uint64_t id, const char* kind,
                                      const pipeline::RulePlugin& plugin) {
  const loader::PluginInfo* const info = options_.catalog->find(plugin.uses);
  if (info == nullptr)
    return fail(fmt::format("the {} '{}' is not there any more", kind, plugin.uses));
  return host_.ask({{"op", "load"},
                    {"id", id},
                    {"kind", kind},
                    {"library", info->library.string()},
                    {"plugin", plugin.uses},
                    {"config", plugin.with}});
}

bool AgentRunner::is_loaded(const Rule& rule) const {
  return host_.is_running() && rule.loaded_in == host_.started();
}

/// It can be woken.
bool AgentRunner::load(std::size_t index) {
  Rule& rule = rules_[index];
  if (now() < rule.not_before_us) return false;
  const auto running = host_.start();
  if (!running) {
    fail_rule(rule, running.error().message);
    return false;
  }
  if (rule.loaded_in == *running) return true;
  auto loaded = load_plugin(trigger_id(index), "trigger", rule.spec->on);
  if (loaded && rule.spec->strategy) {
    auto strategy = load_plugin(strategy_id(index), "strategy", *rule.spec->strategy);
    if (!strategy) loaded = std::move(strategy);
  }
  if (!loaded) {
    fail_rule(rule, loaded.error().message);
    return false;
  }
  const json& watches = loaded->at("watches");
  rule.types.clear();
  for (const json& each : watches)
    if (each.at("source") == "events") rule.types.push_back(each.at("type"));
  if (!rule.types.empty()) waiting_.insert(index);
  if (!std::exchange(rule.watched, true)) {
    for (const json& each : watches) {
      options_.watching(each, [mail = mail_, index](json sample) {
        const std::lock_guard held(mail->mutex);
        if (mail->to != nullptr) mail->to->sample(index, std::move(sample));
      });
    }
  }
  if (!wake(index, SCANFLOW_WAKE_START, nullptr, 0, rule.state.seen)) return false;
  rule.loaded_in = *running;
  return true;
}

void AgentRunner::fail_rule(Rule& rule, const std::string& problem) {
  rule.wait_us = rule.wait_us == 0 ? kFirstWaitUs : std::min(rule.wait_us * 2, kLongestWaitUs);
  rule.not_before_us = now() + rule.wait_us;
  if (std::exchange(rule.problem, problem) != problem)
    say(fmt::format("rule {}: {}; it is tried again after growing waits", rule.spec->name,
                    problem));
}

void AgentRunner::be_well(Rule& rule) {
  rule.tries = 0;
  rule.wait_us = rule.not_before_us = 0;
  rule.problem.clear();
}

}  // namespace scanflow::control
