// How the rules of an agent are woken: by time, by events, by samples; and their plugins loaded.
#include <fmt/format.h>
#include <scanflow/abi/trigger.h>

#include <algorithm>
#include <utility>

#include "engine/control/agent_runner.hpp"
#include "sdk/loader/control_messages.hpp"

namespace scanflow::control {
namespace {

constexpr std::int64_t kFirstWaitUs = 1'000'000, kLongestWaitUs = 300'000'000;
constexpr std::int64_t kSoonestUs = 1000;  // that a trigger may ask to be woken again
constexpr std::size_t kHappeningsAtOnce = 1000;
constexpr const char* kSubmit = "submit";  // the trigger, and what it is told

/// `pattern` may end in '*'.
bool is_of_type(const std::string& pattern, const std::string& type) {
  if (!pattern.ends_with('*')) return type == pattern;
  return type.starts_with(pattern.substr(0, pattern.size() - 1));
}

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

/// Rules whose time has come, each once.
void AgentRunner::tend_due() {
  std::vector<std::size_t> due;
  const std::int64_t now_us = now();
  for (const auto& [at_us, index] : due_) {
    if (at_us > now_us) break;
    due.push_back(index);
  }
  for (const std::size_t index : due) {
    if (is_ending()) return;
    Rule& rule = rules_[index];
    const bool catches_up = !is_loaded(rule) || rule.tries > 0;
    if (load(index)) {
      if (catches_up) wake_by_events(index);
      wake_by_time(index);
    }
    schedule(rule);
  }
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

Result<loader::Woken> AgentRunner::ask_trigger(std::size_t index, std::int32_t reason,
                                               const json& event) {
  const loader::WakeUp why{reason, now(), event, rules_[index].state.trigger_state};
  auto answer =
      host_.ask({{"op", "wake"}, {"id", trigger_id(index)}, {"why", loader::to_json(why)}},
                patience_of(*rules_[index].spec));
  if (!answer) return tl::unexpected(answer.error());
  return loader::woken_from_json(*answer);
}

bool AgentRunner::wake(std::size_t index, std::int32_t reason, const json& event, int depth,
                       std::int64_t seen) {
  Rule& rule = rules_[index];
  const RuleState before = rule.state;
  const auto failed = [&](const std::string& problem) {
    rule.state = before;  // it fires again
    if (reason != SCANFLOW_WAKE_START) ++rule.tries;
    fail_rule(rule, problem);
    schedule(rule);
    return false;
  };
  try {
    return fire(index, reason, event, depth, seen, failed);
  } catch (const std::exception& error) {  // values that nobody expects, of an event or a plugin
    return failed(error.what());
  }
}

bool AgentRunner::fire(std::size_t index, std::int32_t reason, const json& event, int depth,
                       std::int64_t seen,
                       const std::function<bool(const std::string& problem)>& failed) {
  Rule& rule = rules_[index];
  const std::string state_before = rule.state.trigger_state;
  const auto woken = ask_trigger(index, reason, event);
  if (!woken) return failed("its trigger: " + woken.error().message);
  rule.state.seen = seen;
  if (woken->state) rule.state.trigger_state = *woken->state;
  std::vector<Decision> decisions;
  for (const json& evidence : woken->fires) {
    auto decision = decide(index, evidence, depth);
    if (!decision) return failed(decision.error().message);
    if (*decision) decisions.push_back(std::move(**decision));
  }
  if (!woken->fires.empty()) {
    if (const auto kept = keep(rule, decisions); !kept) return failed(kept.error().message);
  } else if (rule.state.trigger_state != state_before) {
    dirty_.insert(index);
  }
  rule.next_us = woken->next_wake_us;
  if (rule.next_us) *rule.next_us = std::max(*rule.next_us, now() + kSoonestUs);
  // That it can be loaded says little, where it fails of something else.
  if (reason != SCANFLOW_WAKE_START || rule.tries == 0) be_well(rule);
  rule.fired += woken->fires.size();
  if (!woken->fires.empty()) rule.last_us = now();
  for (Decision& decision : decisions) {
    ++rule.decided;
    record(decision);
    await_effect(decision);
    if (decision.state == "acting") go_on(decision);
  }
  schedule(rule);
  return true;
}

void AgentRunner::wake_by_time(std::size_t index) {
  Rule& rule = rules_[index];
  if (!rule.next_us || *rule.next_us > now() || !load(index)) return;
  if (!rule.next_us || *rule.next_us > now()) return;  // it was loaded just now
  if (wake(index, SCANFLOW_WAKE_TIME, nullptr, 0, rule.state.seen) || rule.tries < kMostTries)
    return;
  be_well(rule);
  rule.next_us = now() + kLongestWaitUs;
}

void AgentRunner::wake_by_samples() {
  std::deque<Sample> samples;
  std::uint64_t passed_over = 0;
  {
    const std::lock_guard lock(mutex_);
    samples.swap(samples_);
    passed_over = std::exchange(passed_over_, 0);
  }
  if (passed_over > 0)
    say(fmt::format("{} samples came faster than its triggers take them", passed_over));
  std::deque<Sample> later;  // of rules that have to wait
  for (Sample& each : samples) {
    Rule& rule = rules_[each.rule];
    const bool waits = is_ending() || !load(each.rule) ||
                       (!wake(each.rule, SCANFLOW_WAKE_SAMPLE, each.sample, 0, rule.state.seen) &&
                        rule.tries < kMostTries);
    if (waits)
      later.push_back(std::move(each));
    else if (rule.tries >= kMostTries)
      be_well(rule);
    schedule(rule);
  }
  const std::lock_guard lock(mutex_);
  if (paused_) return;
  samples_.insert(samples_.begin(), std::make_move_iterator(later.begin()),
                  std::make_move_iterator(later.end()));
  while (samples_.size() > kMostSamples) {
    samples_.pop_front();
    ++passed_over_;
  }
}

/// Whoever submits waits: each rule is asked once, and one that fails lets it pass.
void AgentRunner::take_submitted(bool paused) {
  std::deque<Submitted> all;
  {
    const std::lock_guard lock(mutex_);
    all.swap(submitted_);
  }
  for (Submitted& each : all) {
    std::vector<DecidedAction> actions;
    if (paused) {
      each.answer->set_value(actions);
      continue;
    }
    admitting_ = &actions;
    const Happening asked{
        .type = kSubmit, .source = "engine", .time_us = now(), .payload = each.request};
    for (const std::size_t index : waiting_) {
      Rule& rule = rules_[index];
      if (rule.spec->on.uses != kSubmit || !load(index)) continue;
      if (wake(index, SCANFLOW_WAKE_EVENT, to_json(asked), 0, rule.state.seen)) continue;
      be_well(rule);  // it is not tried again
      schedule(rule);
    }
    admitting_ = nullptr;
    each.answer->set_value(std::move(actions));
  }
}

bool AgentRunner::waits_for(const Rule& rule, const Happening& happening) {
  return std::any_of(rule.types.begin(), rule.types.end(),
                     [&](const auto& type) { return is_of_type(type, happening.type); });
}

/// What nobody has read yet, for all rules that keep up; the others catch up by themselves.
void AgentRunner::wake_by_new_events() {
  for (;;) {
    const auto all = ledger_.happenings(read_, kHappeningsAtOnce);
    if (!all) return say(all.error().message);
    for (const Happening& each : *all) {
      for (const std::size_t index : waiting_) {
        Rule& rule = rules_[index];
        if (is_ending()) return;
        if (each.seq <= rule.state.seen || rule.tries > 0 || !is_loaded(rule)) continue;
        if (waits_for(rule, each))
          wake(index, SCANFLOW_WAKE_EVENT, to_json(each), each.depth, each.seq);
      }
      read_ = each.seq;
    }
    if (all->size() < kHappeningsAtOnce) return;
  }
}

/// Goes on where it was: what it fails of is tried again, and after some times passed over.
void AgentRunner::wake_by_events(std::size_t index) {
  Rule& rule = rules_[index];
  while (!rule.types.empty()) {
    const auto all = ledger_.happenings(rule.state.seen, kHappeningsAtOnce);
    if (!all || all->empty()) return;
    for (const Happening& each : *all) {
      if (is_ending() || !load(index)) return;
      if (waits_for(rule, each) &&
          !wake(index, SCANFLOW_WAKE_EVENT, to_json(each), each.depth, each.seq)) {
        if (rule.tries < kMostTries) return;
        say(fmt::format("rule {}: the event {} is passed over: it made it fail {} times",
                        rule.spec->name, each.type, kMostTries));
        be_well(rule);
      }
      rule.state.seen = each.seq;
    }
    if (all->size() < kHappeningsAtOnce) return;
  }
}

}  // namespace scanflow::control
