// One agent at work: its triggers are woken, what they notice is decided about, and what is decided is guarded, recorded
// and asked for. A thread and a control host of its own. Thread-safe.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine/control/actor.hpp"
#include "engine/control/host_process.hpp"
#include "engine/control/memory.hpp"
#include "engine/control/running_agent.hpp"
#include "engine/pipeline/agent_spec.hpp"
#include "engine/pipeline/expression.hpp"
#include "sdk/loader/catalog.hpp"
#include "sdk/loader/control_instance.hpp"

namespace scanflow::control {

class AgentRunner final : public RunningAgent {
 public:
  /// {"name", "labels", "time_us", "value"}; of any thread, also when the runner is gone.
  using TakeSample = std::function<void(json sample)>;
  /// What a trigger is woken for, {"source", ...}, once it is known, and who is to be told of samples.
  using Watching = std::function<void(const json& what, const TakeSample& take)>;
  struct Options {
    std::shared_ptr<const pipeline::AgentSpec> spec;
    std::shared_ptr<const loader::Catalog> catalog;
    std::filesystem::path worker;  // scanflow-worker
    bool paused = false;
    std::function<std::int64_t()> clock;  // microseconds since 1970
    pipeline::AskMetrics metrics;         // for `see` and goals; [any-thread]
    pipeline::AskRunning running;         // the same
    /// Instead: the answer to such an expression, from where the metrics are. On its thread.
    std::function<Result<json>(const std::string& expression, const json& event)> evaluate;
    Watching watching;  // called on its thread
    /// A rule (NAMESPACE/AGENT/RULE) is about to ask for these: why it is held back, beyond its own guard; "": it is not.
    std::function<std::string(const std::string& rule, const std::vector<DecidedAction>& actions)>
        others;                                        // [any-thread]
    std::function<void(const std::string& line)> log;  // [any-thread]
  };

  /// Memory and actor outlive it. What it left unfinished goes on.
  AgentRunner(Options options, Memory& memory, Actor& actor);
  ~AgentRunner() override { end(); }
  void end() override;

  /// A sample of a series that the rule watches: {"name", "labels", "time_us", "value"}. Of more than so many that wait the
  /// oldest are passed over.
  void sample(std::size_t rule, json sample);
  /// Also where its clock was moved by hand.
  void look() override;
  void pause(bool paused) override;
  /// Blocks until it has nothing more to do before its clock moves on; gives when that is to be (microseconds since 1970;
  /// nothing: only something else would wake it). For clocks that are moved by hand.
  std::optional<std::int64_t> settle();
  Result<std::vector<DecidedAction>> admit(const json& request,
                                           std::chrono::milliseconds patience) override {
    return admit(request, patience, 0);
  }
  /// `submission`: as of its decisions.
  Result<std::vector<DecidedAction>> admit(const json& request, std::chrono::milliseconds patience,
                                           std::uint64_t submission);
  void answered(const std::string& decision) override;
  json rules() const override;
  bool is_paused() const;

 private:
  struct Rule {
    const pipeline::AgentRule* spec = nullptr;
    RuleState state;
    std::uint64_t loaded_in = 0;      // of HostProcess::start, where it was woken first; 0: never
    bool watched = false;             // Options::watching was told
    std::int64_t due_us = INT64_MAX;  // as of due_
    std::vector<std::string> types;   // of events
    std::optional<std::int64_t> next_us;
    std::int64_t not_before_us = 0, wait_us = 0;  // after a failure
    unsigned tries = 0;                           // of one event
    std::string problem;
    std::uint64_t fired = 0, decided = 0;
    std::int64_t last_us = 0;
  };
  /// What people are shown of a rule.
  struct View {
    std::uint64_t fired = 0, decided = 0;
    std::int64_t last_us = 0, next_us = 0;
    std::string problem;
  };
  struct Sample {
    std::size_t rule;
    json sample;
  };
  struct Submitted {
    json request;
    std::uint64_t submission;
    std::shared_ptr<std::promise<std::vector<DecidedAction>>> answer;
  };
  struct Ended {
    std::string decision;
    std::size_t action;
    Outcome outcome;
  };

  static constexpr std::size_t kMostSamples = 10'000;  // that wait
  static constexpr std::int64_t kKeepUs = 1'000'000;   // states that only move on, at the latest
  static constexpr unsigned kMostTries = 5;            // of what wakes a rule and makes it fail
  static constexpr std::int64_t kLongestWaitUs = 300'000'000;  // after failures
  // Of the host's instances.
  static std::uint64_t trigger_id(std::size_t rule) { return rule * 2; }
  static std::uint64_t strategy_id(std::size_t rule) { return rule * 2 + 1; }

  void run();
  void work(bool paused, bool look);
  void begin();
  void pass_over();
  Result<std::vector<Decision>> keep(Rule& rule, const std::vector<Decision>& decisions);
  Result<void> keep_dirty();
  void keep_now_and_then(bool at_once);
  bool is_ending() const;
  void go_on(const Decision& decision);
  std::int64_t now() const { return options_.clock(); }
  std::int64_t next_us() const;
  std::chrono::milliseconds until_next() const;
  bool is_awaited() const;
  std::size_t index_of(const Rule& rule) const {
    return static_cast<std::size_t>(&rule - rules_.data());
  }
  void schedule(Rule& rule);
  void see_host();
  void tend_due();
  void wake_by_time(std::size_t index);
  static bool waits_for(const Rule& rule, const Happening& happening);
  void wake_by_new_events();
  void wake_by_events(std::size_t index);
  void wake_by_samples();
  void take_answers();
  void take_submitted(bool paused);
  void take_ends();
  bool load(std::size_t index);
  Result<json> load_plugin(std::uint64_t id, const char* kind, const pipeline::RulePlugin& plugin);
  /// False: it failed, and is tried again later.
  bool wake(std::size_t index, std::int32_t reason, const json& event, int depth,
            std::int64_t seen);
  Result<void> fire(std::size_t index, std::int32_t reason, const json& event, int depth,
                    std::int64_t seen);
  Result<loader::Woken> ask_trigger(std::size_t index, std::int32_t reason, const json& event);
  Result<std::optional<Decision>> decide(std::size_t index, const json& evidence, int depth);
  Result<std::vector<DecidedAction>> ask_strategy(std::size_t index, const json& evidence,
                                                  const pipeline::Scope& scope);
  Result<std::vector<DecidedAction>> evaluate_actions(const pipeline::AgentRule& rule,
                                                      const json& evidence, const json& see);
  static std::chrono::milliseconds patience_of(const pipeline::AgentRule& rule) {
    return std::chrono::milliseconds(std::max<std::int64_t>(rule.guard.deadline_us / 1000, 1));
  }
  void admit_now(Decision& decision);
  Result<json> ask_metrics(const std::string& expression, const json& event);
  json ask_goal(const pipeline::RuleGoal& goal, const json& evidence);
  void await_effect(const Decision& decision);
  void look_at_effects();
  std::string held_by_others(const pipeline::AgentRule& rule,
                             const std::vector<DecidedAction>& actions) const;
  void fail_rule(Rule& rule, const std::string& problem);
  static void be_well(Rule& rule);
  bool is_loaded(const Rule& rule) const;
  void record(const Decision& decision);
  void say(const std::string& line) const;

  const Options options_;
  const std::string name_;  // NAMESPACE/NAME
  Memory& memory_;
  Actor& actor_;
  // Of its thread alone.
  HostProcess host_;
  pipeline::Evaluator evaluator_;
  std::vector<Rule> rules_;
  // What is to be done next costs the same however many rules there are.
  std::set<std::pair<std::int64_t, std::size_t>> due_;  // when, which
  std::set<std::size_t> dirty_;                         // their states are newer than the ledger's
  std::int64_t keep_us_ = INT64_MAX;                    // when they are to be kept
  std::set<std::size_t> waiting_;                       // for events
  std::int64_t read_ = 0;                               // Happening::seq, by those that keep up
  std::uint64_t process_ = 0;                           // of the host, by which they are scheduled
  std::vector<View> first_shown_;                       // until the first turn is over
  std::map<std::string, Decision> acting_;
  std::vector<DecidedAction>* admitting_ = nullptr;   // what rules ask for goes there, and is done
  std::uint64_t submission_ = 0;                      // of those
  std::multimap<std::int64_t, std::string> effects_;  // when a decision's goal is asked again
  bool begun_ = false, was_paused_ = false;
  std::int64_t begin_again_us_ = 0;

  mutable std::mutex mutex_;  // of what follows
  std::condition_variable changed_, settled_;
  std::optional<std::int64_t> settled_until_us_;  // there is nothing to do before; none: it works
  std::vector<View> shown_;                       // of rules(); empty: it has not begun
  std::deque<Sample> samples_;
  std::uint64_t passed_over_ = 0;
  std::deque<std::string> answers_;  // decisions
  std::deque<Submitted> submitted_;
  std::deque<Ended> ends_;
  bool look_ = true, sampled_ = false, paused_ = false, ending_ = false;
  bool published_paused_ = false;
  /// Told by whoever acts, also when this is gone.
  struct Mail {
    std::mutex mutex;
    AgentRunner* to = nullptr;
  };
  const std::shared_ptr<Mail> mail_ = std::make_shared<Mail>();
  std::thread thread_;
};

}  // namespace scanflow::control
