#include "engine/control/agent_runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sdk/base/digest.hpp"

namespace scanflow::control {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestSleep{60'000};
constexpr std::int64_t kBeginAgainUs = 1'000'000;
constexpr std::size_t kStatesAtOnce = 1000;
constexpr std::size_t kLately = 1000;  // decisions whose effects may be awaited still

std::string digest_of(const pipeline::RulePlugin& plugin) {
  return sha256_hex(plugin.uses + "\n" + plugin.with.dump()).substr(0, 16);
}

}  // namespace

AgentRunner::AgentRunner(Options options, Memory& memory, Actor& actor)
    : options_(std::move(options)),
      name_(options_.spec->name_space + "/" + options_.spec->name),
      memory_(memory),
      actor_(actor),
      host_({.worker = options_.worker,
             .log = [this](std::int32_t, std::string_view line) { say(std::string(line)); }}),
      was_paused_(options_.paused),
      paused_(options_.paused) {
  for (const pipeline::AgentRule& each : options_.spec->rules) rules_.emplace_back().spec = &each;
  first_shown_.resize(rules_.size());
  mail_->to = this;
  thread_ = std::thread([this] { run(); });
}

void AgentRunner::end() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(mail_->mutex);
  mail_->to = nullptr;
}

void AgentRunner::say(const std::string& line) const {
  options_.log(fmt::format("agent {}: {}", name_, line));
}

// --- of any thread

void AgentRunner::sample(std::size_t rule, json sample) {
  const std::lock_guard lock(mutex_);
  if (paused_) return;
  if (samples_.size() >= kMostSamples) {
    samples_.pop_front();
    ++passed_over_;
  }
  samples_.push_back({rule, std::move(sample)});
  sampled_ = true;
  changed_.notify_one();
}

void AgentRunner::look() {
  const std::lock_guard lock(mutex_);
  look_ = true;
  changed_.notify_one();
}

std::optional<std::int64_t> AgentRunner::settle() {
  std::unique_lock lock(mutex_);
  look_ = true;
  settled_until_us_.reset();
  changed_.notify_one();
  settled_.wait(lock, [this] { return settled_until_us_.has_value(); });
  return *settled_until_us_ == INT64_MAX ? std::nullopt : settled_until_us_;
}

void AgentRunner::pause(bool paused) {
  const std::lock_guard lock(mutex_);
  paused_ = paused;
  if (paused) samples_.clear();
  changed_.notify_one();
}

Result<std::vector<DecidedAction>> AgentRunner::admit(const json& request,
                                                      std::chrono::milliseconds patience,
                                                      std::uint64_t submission) {
  const auto answer = std::make_shared<std::promise<std::vector<DecidedAction>>>();
  auto answered = answer->get_future();
  {
    const std::lock_guard lock(mutex_);
    if (paused_ || ending_) return std::vector<DecidedAction>();
    submitted_.push_back({request, submission, answer});
    changed_.notify_one();
  }
  if (answered.wait_for(patience) != std::future_status::ready)
    return fail(fmt::format("agent {} did not decide within {} ms", name_, patience.count()));
  return answered.get();
}

void AgentRunner::answered(const std::string& decision) {
  const std::lock_guard lock(mutex_);
  answers_.push_back(decision);
  changed_.notify_one();
}

json AgentRunner::rules() const {
  const std::lock_guard lock(mutex_);
  json rows = json::array();
  for (std::size_t i = 0; i < shown_.size(); ++i) {
    const pipeline::AgentRule& spec = options_.spec->rules[i];
    const View& view = shown_[i];
    rows.push_back({{"name", spec.name},
                    {"trigger", spec.on.uses},
                    {"strategy", spec.strategy ? spec.strategy->uses : "rules"},
                    {"mode", to_text(spec.guard.mode)},
                    {"fired", view.fired},
                    {"decided", view.decided},
                    {"last_us", view.last_us},
                    {"next_us", view.next_us},
                    {"problem", view.problem}});
  }
  return rows;
}

bool AgentRunner::is_paused() const {
  const std::lock_guard lock(mutex_);
  return published_paused_;
}

// --- its thread

void AgentRunner::run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    const bool look = std::exchange(look_, false);
    sampled_ = false;
    const bool paused = paused_;
    lock.unlock();
    try {
      work(paused, look);
    } catch (const std::exception& error) {
      // Nothing that a plugin, or a person, says may end a server: all is read again.
      say(fmt::format("it stumbled: {}", error.what()));
      begin_again_us_ = now() + kBeginAgainUs;
      begun_ = false;
    }
    const milliseconds wait = until_next();
    const std::int64_t next_us = this->next_us();
    lock.lock();
    if (shown_.empty()) shown_ = std::move(first_shown_);
    published_paused_ = was_paused_;
    if (!is_awaited() && wait > milliseconds(0)) {
      settled_until_us_ = next_us;
      settled_.notify_all();
    }
    changed_.wait_for(lock, wait, [this] { return is_awaited(); });
    settled_until_us_.reset();
  }
  lock.unlock();
  take_submitted(true);  // nobody waits for one that ends
  keep_now_and_then(true);
}

void AgentRunner::work(bool paused, bool look) {
  begin();
  if (begun_) {
    take_answers();
    take_ends();
    look_at_effects();
  }
  if (begun_ && !paused) {
    if (was_paused_) pass_over();
    see_host();
    tend_due();
    take_submitted(false);
    if (look) wake_by_new_events();
    wake_by_samples();
    see_host();
  }
  if (begun_ && paused) take_submitted(true);
  was_paused_ = paused || (was_paused_ && !begun_);
  keep_now_and_then(false);
}

bool AgentRunner::is_ending() const {
  const std::lock_guard lock(mutex_);
  return ending_;
}

/// What happened while it was paused.
void AgentRunner::pass_over() {
  const auto newest = memory_.newest();
  if (!newest) return say(newest.error().message);
  read_ = *newest;
  for (Rule& rule : rules_) {
    rule.state.seen = *newest;
    be_well(rule);
    schedule(rule);
    dirty_.insert(index_of(rule));
  }
  keep_now_and_then(true);
}

Result<std::vector<Decision>> AgentRunner::keep(Rule& rule,
                                                const std::vector<Decision>& decisions) {
  auto kept = memory_.commit(name_, rule.spec->name, rule.state, decisions);
  if (kept) dirty_.erase(index_of(rule));
  return kept;
}

Result<void> AgentRunner::keep_dirty() {
  while (!dirty_.empty()) {
    const auto end = std::next(dirty_.begin(),
                               static_cast<std::ptrdiff_t>(std::min(dirty_.size(), kStatesAtOnce)));
    std::map<std::string, RuleState> states;
    for (auto each = dirty_.begin(); each != end; ++each)
      states[rules_[*each].spec->name] = rules_[*each].state;
    if (auto kept = memory_.keep(name_, states); !kept) return kept;
    dirty_.erase(dirty_.begin(), end);
  }
  return {};
}

/// What only moves states on: what fires is kept at once.
void AgentRunner::keep_now_and_then(bool at_once) {
  if (dirty_.empty() || (!at_once && now() < keep_us_)) return;
  const auto kept = keep_dirty();
  keep_us_ = kept ? INT64_MAX : now() + kKeepUs;
  if (!kept) say(kept.error().message);
}

/// Under the mutex: is there something to do?
bool AgentRunner::is_awaited() const {
  const bool told =
      !answers_.empty() || !ends_.empty() || !submitted_.empty() || paused_ != was_paused_;
  return ending_ || look_ || sampled_ || (begun_ && told);
}

std::int64_t AgentRunner::next_us() const {
  if (!begun_) return begin_again_us_;
  std::int64_t next_us = effects_.empty() ? INT64_MAX : effects_.begin()->first;
  if (was_paused_) return next_us;
  if (!due_.empty()) next_us = std::min(next_us, due_.begin()->first);
  return dirty_.empty() ? next_us : std::min(next_us, keep_us_);
}

milliseconds AgentRunner::until_next() const {
  const std::int64_t next_us = this->next_us();
  if (next_us == INT64_MAX) return kLongestSleep;
  const std::int64_t left_us = next_us - now();
  return std::clamp(milliseconds((left_us + 999) / 1000), milliseconds(0), kLongestSleep);
}

/// Reads what was left, and goes on with it.
void AgentRunner::begin() {
  if (begun_ || now() < begin_again_us_) return;
  begin_again_us_ = now() + kBeginAgainUs;
  const auto states = memory_.rules(name_);
  const auto newest = memory_.newest();
  const auto open = memory_.decisions({.agent = name_, .only_open = true, .limit = 10'000});
  if (!states || !newest || !open) {
    return say((!states ? states.error() : !newest ? newest.error() : open.error()).message);
  }
  std::vector<std::string> names;
  for (Rule& rule : rules_) {
    const std::string trigger = digest_of(rule.spec->on);
    const std::string strategy = rule.spec->strategy ? digest_of(*rule.spec->strategy) : "";
    const auto found = states->find(rule.spec->name);
    if (found != states->end()) rule.state = found->second;
    const bool is_kept = found != states->end() && rule.state.trigger_digest == trigger &&
                         rule.state.strategy_digest == strategy;
    if (rule.state.trigger_digest != trigger) {  // it notices from now on
      rule.state.trigger_state.clear();
      rule.state.seen = *newest;
    }
    if (rule.state.strategy_digest != strategy) rule.state.strategy_state.clear();
    rule.state.trigger_digest = trigger;
    rule.state.strategy_digest = strategy;
    rule.loaded_in = 0;
    schedule(rule);
    names.push_back(rule.spec->name);
    if (!is_kept) dirty_.insert(index_of(rule));
  }
  if (const auto kept = keep_dirty(); !kept) return say(kept.error().message);
  if (const auto kept = memory_.keep_rules(name_, names); !kept) return say(kept.error().message);
  begun_ = true;
  read_ = *newest;
  effects_.clear();
  if (const auto lately = memory_.decisions({.agent = name_, .limit = kLately}))
    for (const Decision& each : *lately) await_effect(each);
  for (auto each = open->rbegin(); each != open->rend(); ++each)
    if (each->state == "acting" && !acting_.contains(each->id)) go_on(*each);
}

}  // namespace scanflow::control
