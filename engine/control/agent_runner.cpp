#include "engine/control/agent_runner.hpp"

#include <fmt/format.h>
#include <scanflow/abi/trigger.h>

#include <algorithm>
#include <utility>

#include "sdk/base/digest.hpp"
#include "sdk/loader/control_messages.hpp"

namespace scanflow::control {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestSleep{60'000};
constexpr std::int64_t kFirstWaitUs = 1'000'000, kLongestWaitUs = 300'000'000;
constexpr std::int64_t kBeginAgainUs = 1'000'000, kKeepUs = 1'000'000;
constexpr std::int64_t kSoonestUs = 1000;  // that a trigger may ask to be woken again
constexpr std::size_t kMostSamples = 10'000, kHappeningsAtOnce = 1000;

std::string digest_of(const pipeline::RulePlugin& plugin) {
  return sha256_hex(plugin.uses + "\n" + plugin.with.dump()).substr(0, 16);
}

/// `pattern` may end in '*'.
bool is_of(const std::string& pattern, const std::string& type) {
  if (!pattern.ends_with('*')) return type == pattern;
  return type.starts_with(pattern.substr(0, pattern.size() - 1));
}

}  // namespace

AgentRunner::AgentRunner(Options options, Ledger& ledger, Actor& actor)
    : options_(std::move(options)),
      name_(options_.spec->name_space + "/" + options_.spec->name),
      ledger_(ledger),
      actor_(actor),
      host_({.worker = options_.worker,
             .log = [this](std::int32_t, std::string_view line) { say(std::string(line)); }}),
      was_paused_(options_.paused),
      paused_(options_.paused) {
  for (const pipeline::AgentRule& each : options_.spec->rules) rules_.emplace_back().spec = &each;
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
  if (samples_.size() == kMostSamples) {
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
  changed_.notify_one();
}

void AgentRunner::answered(const std::string& decision) {
  const std::lock_guard lock(mutex_);
  answers_.push_back(decision);
  changed_.notify_one();
}

json AgentRunner::rules() const {
  const std::lock_guard lock(mutex_);
  return published_;
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
    json published = describe();
    const milliseconds wait = until_next();
    const std::int64_t next_us = this->next_us();
    lock.lock();
    published_ = std::move(published);
    published_paused_ = was_paused_;
    if (!is_awaited() && wait > milliseconds(0)) {
      settled_until_us_ = next_us;
      settled_.notify_all();
    }
    changed_.wait_for(lock, wait, [this] { return is_awaited(); });
    settled_until_us_.reset();
  }
  lock.unlock();
  keep_dirty(true);
}

void AgentRunner::work(bool paused, bool look) {
  begin();
  if (begun_) {
    take_answers();
    take_ends();
  }
  if (begun_ && !paused) {
    if (was_paused_) pass_over();
    for (std::size_t i = 0; i < rules_.size() && !is_ending(); ++i) {
      const bool is_new = !is_loaded(rules_[i]);
      if (load(i) && (look || is_new || rules_[i].tries > 0)) wake_by_events(i);
    }
    wake_by_samples();
    wake_by_time();
  }
  was_paused_ = paused || (was_paused_ && !begun_);
  keep_dirty(false);
}

bool AgentRunner::is_ending() const {
  const std::lock_guard lock(mutex_);
  return ending_;
}

/// What happened while it was paused.
void AgentRunner::pass_over() {
  {
    const std::lock_guard lock(mutex_);
    samples_.clear();
  }
  const auto newest = ledger_.newest();
  if (!newest) return say(newest.error().message);
  for (Rule& rule : rules_) {
    rule.state.seen = *newest;
    be_well(rule);
    if (const auto kept = keep(rule, {}); !kept) say(kept.error().message);
  }
}

Result<void> AgentRunner::keep(Rule& rule, const std::vector<Decision>& decisions) {
  auto kept = ledger_.commit(name_, rule.spec->name, rule.state, decisions);
  if (!kept) return kept;
  rule.dirty = false;
  rule.kept_us = now();
  return kept;
}

/// What only moves a state on is kept now and then: what fires is kept at once.
void AgentRunner::keep_dirty(bool all) {
  for (Rule& rule : rules_)
    if (rule.dirty && (all || now() - rule.kept_us >= kKeepUs))
      if (const auto kept = keep(rule, {}); !kept) say(kept.error().message);
}

/// Under the mutex: is there something to do?
bool AgentRunner::is_awaited() const {
  const bool told = !answers_.empty() || !ends_.empty() || paused_ != was_paused_;
  return ending_ || look_ || sampled_ || (begun_ && told);
}

std::int64_t AgentRunner::next_us() const {
  std::int64_t next_us = begun_ ? INT64_MAX : begin_again_us_;
  if (begun_ && !was_paused_) {
    for (const Rule& rule : rules_) {
      std::int64_t at_us = rule.next_us.value_or(INT64_MAX);
      if (!is_loaded(rule) || rule.tries > 0) at_us = 0;  // as soon as it may
      next_us = std::min(next_us, std::max(at_us, rule.not_before_us));
      if (rule.dirty) next_us = std::min(next_us, rule.kept_us + kKeepUs);
    }
  }
  return next_us;
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
  const auto states = ledger_.rules(name_);
  const auto newest = ledger_.newest();
  const auto open = ledger_.decisions({.agent = name_, .only_open = true, .limit = 10'000});
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
    names.push_back(rule.spec->name);
    if (is_kept) continue;
    if (const auto kept = keep(rule, {}); !kept) return say(kept.error().message);
  }
  if (const auto kept = ledger_.keep_rules(name_, names); !kept) return say(kept.error().message);
  begun_ = true;
  for (auto each = open->rbegin(); each != open->rend(); ++each)
    if (each->state == "acting" && !acting_.contains(each->id)) go_on(*each);
}

// --- plugins

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
      host_.ask({{"op", "wake"}, {"id", trigger_id(index)}, {"why", loader::to_json(why)}});
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
    return false;
  };
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
  } else if (rule.state.trigger_state != before.trigger_state) {
    rule.dirty = true;
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
    if (decision.state == "acting") go_on(decision);
  }
  return true;
}

void AgentRunner::wake_by_time() {
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    Rule& rule = rules_[i];
    const std::int64_t now_us = now();
    if (!rule.next_us || *rule.next_us > now_us || !load(i)) continue;
    if (!rule.next_us || *rule.next_us > now()) continue;  // it was loaded just now
    if (wake(i, SCANFLOW_WAKE_TIME, nullptr, 0, rule.state.seen) || rule.tries < kMostTries)
      continue;
    be_well(rule);
    rule.next_us = now() + kLongestWaitUs;
  }
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
  }
  const std::lock_guard lock(mutex_);
  samples_.insert(samples_.begin(), std::make_move_iterator(later.begin()),
                  std::make_move_iterator(later.end()));
}

/// Goes on where it was: what it fails of is tried again, and after some times passed over.
void AgentRunner::wake_by_events(std::size_t index) {
  Rule& rule = rules_[index];
  while (!rule.types.empty()) {
    const auto all = ledger_.happenings(rule.state.seen, kHappeningsAtOnce);
    if (!all || all->empty()) return;
    for (const Happening& each : *all) {
      if (is_ending() || !load(index)) return;
      const bool meant = std::any_of(rule.types.begin(), rule.types.end(),
                                     [&](const auto& type) { return is_of(type, each.type); });
      if (meant && !wake(index, SCANFLOW_WAKE_EVENT, to_json(each), each.depth, each.seq)) {
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

json AgentRunner::describe() const {
  json rows = json::array();
  for (const Rule& rule : rules_) {
    rows.push_back({{"name", rule.spec->name},
                    {"trigger", rule.spec->on.uses},
                    {"strategy", rule.spec->strategy ? rule.spec->strategy->uses : "rules"},
                    {"mode", to_text(rule.spec->guard.mode)},
                    {"fired", rule.fired},
                    {"decided", rule.decided},
                    {"last_us", rule.last_us},
                    {"next_us", rule.next_us.value_or(0)},
                    {"problem", rule.problem}});
  }
  return rows;
}

}  // namespace scanflow::control
