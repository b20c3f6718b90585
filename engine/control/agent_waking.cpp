// How the rules of an agent are woken: by time, by events, by samples.
#include <fmt/format.h>
#include <scanflow/abi/trigger.h>

#include <algorithm>
#include <utility>

#include "engine/control/agent_runner.hpp"
#include "sdk/loader/control_messages.hpp"

namespace scanflow::control {
namespace {

constexpr std::int64_t kSoonestUs = 1000;  // that a trigger may ask to be woken again
constexpr std::size_t kHappeningsAtOnce = 1000;
constexpr const char* kSubmit = "submit";  // the trigger, and what it is told

}  // namespace

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
  Result<void> fired;
  try {
    fired = fire(index, reason, event, depth, seen);
  } catch (const std::exception& error) {  // values that nobody expects, of an event or a plugin
    fired = fail(error.what());
  }
  if (fired) return true;
  rule.state = before;  // it fires again
  if (reason != SCANFLOW_WAKE_START) ++rule.tries;
  fail_rule(rule, fired.error().message);
  schedule(rule);
  return false;
}

Result<void> AgentRunner::fire(std::size_t index, std::int32_t reason, const json& event, int depth,
                               std::int64_t seen) {
  Rule& rule = rules_[index];
  const std::string state_before = rule.state.trigger_state;
  const auto woken = ask_trigger(index, reason, event);
  if (!woken) return fail("its trigger: " + woken.error().message);
  rule.state.seen = seen;
  if (woken->state) rule.state.trigger_state = *woken->state;
  std::vector<Decision> decisions;
  for (const json& evidence : woken->fires) {
    auto decision = decide(index, evidence, depth);
    if (!decision) return tl::unexpected(decision.error());
    if (*decision) decisions.push_back(std::move(**decision));
  }
  if (!woken->fires.empty()) {
    auto kept = keep(rule, decisions);
    if (!kept) return tl::unexpected(kept.error());
    decisions = std::move(*kept);
  } else if (rule.state.trigger_state != state_before) {
    dirty_.insert(index);
    keep_us_ = std::min(keep_us_, now() + kKeepUs);
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
  return {};
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
    submission_ = each.submission;
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
    submission_ = 0;
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
    const auto all = memory_.happenings(read_, kHappeningsAtOnce);
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
    const auto all = memory_.happenings(rule.state.seen, kHappeningsAtOnce);
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
