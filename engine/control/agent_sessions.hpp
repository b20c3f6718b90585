// An agent with `runs: process`, at its server: of the processes that ask to run it one has the lease, and a session. What it
// asks for is checked here; what it is to know is told it as news. The process is engine/api/agent_process.hpp.
//
// What a process says is checked against the agent's document and what the server knows itself:
// - It watches what the triggers of the version that it runs say they watch: the server asks them, in a control host of its
//   own (rule_watches.hpp). Nothing is read into their configuration, so triggers of others are held to the same.
// - Rules are guarded by the server's clock and notes, whatever times it says.
// - A decision is one deeper than the event up to which it moves its rule, each of which counts once; than the deepest of
//   those that its trigger waits for, where it moves it to none of them.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "engine/control/actor.hpp"
#include "engine/control/agent_runner.hpp"
#include "engine/control/ledger.hpp"
#include "engine/control/running_agent.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::control {

/// Why a process is not served.
struct Refusal {
  enum class Why {
    unknown,    // there is no such agent
    in_server,  // it is not for a process
    held,       // another process runs it
    stale,      // the session is over
    wrong,      // what was asked makes no sense, or may not be
    not_yet,    // the server is starting, or ending
    broken,     // of the store
  };
  Why why = Why::wrong;
  std::string message;
};
template <class T>
using Allowed = tl::expected<T, Refusal>;

/// Thread-safe; but for what is said, and once for each trigger, nothing blocks for longer than a commit takes.
class AgentSessions final : public RunningAgent,
                            public std::enable_shared_from_this<AgentSessions> {
 public:
  static constexpr std::int64_t kLeaseUs = 10'000'000;  // without a word of its process
  static constexpr std::size_t kMostSamples =
      10'000;  // that wait; of more the oldest are passed over
  static constexpr std::size_t kMostWatches = 1000;

  struct Options {
    /// As of the agent's runner; of the newest version.
    AgentRunner::Options agent;
    std::uint32_t version = 0;
    std::function<void()> unwatch;  // all that agent.watching was told of
    /// What the trigger of one of its rules waits for, {"source", ...} each. May block until that is loaded.
    std::function<Result<std::vector<json>>(const pipeline::AgentRule& rule)> watches;
    std::function<std::int64_t()> monotonic = monotonic_us;
  };
  /// Ledger, actor and pool outlive it; what becomes of actions is written on the pool.
  AgentSessions(Options options, Ledger& ledger, Actor& actor, boost::asio::thread_pool& writing);
  /// Another version of the agent: whoever has the lease is told.
  void take(Options options);

  // Of a process.

  /// {"host", "pid"} -> {"session", "version", "paused", "now_us", "lease_us"}.
  Allowed<json> open(const json& who);
  /// {"op": "begin" | "rules" | "newest" | "happenings" | "decisions" | "decision" | "evaluate" | "watch" | "commit" | "keep" | "keep_rules" |
  /// "set_evidence" | "act" | "admitted", ...} (agent_session_calls.cpp).
  Allowed<json> call(const std::string& session, const json& asked);
  /// {"after", "rules", "problem"}: what is new after that number, as {"news": [{"number", "type", ...}]}; `then` is called
  /// once there is something, or by hush(). Gives what hush() takes.
  std::uint64_t news(const std::string& session, const json& asked,
                     std::function<void(Allowed<json>)> then);
  /// Nothing is new, and whoever asked has waited for long enough.
  void hush(std::uint64_t waiting);
  /// The process gives its lease back.
  Allowed<json> close(const std::string& session);

  // RunningAgent.

  void end() override;
  void look() override { push({{"type", "happened"}}); }
  void pause(bool paused) override;
  Result<std::vector<DecidedAction>> admit(const json& request,
                                           std::chrono::milliseconds patience) override;
  void answered(const std::string& decision) override;
  json rules() const override;

  /// {"host", "pid", "since_us"}; null: it waits for its process, or for its rules to begin.
  json run_by();
  /// Why its process does not run the newest version; "": it does.
  std::string problem() const;

 private:
  struct Session {
    std::string id, host, problem;
    std::int64_t pid = 0, since_us = 0;
    std::int64_t until_us = 0;     // of the lease, by the monotonic clock
    std::uint64_t committed = 0;   // the number of the last commit, and what was answered:
    json answer = json::object();  // it is asked again where the answer was lost
    std::uint32_t version = 0;     // that it runs
    std::shared_ptr<const pipeline::AgentSpec> spec;  // of that version
    std::function<Result<std::vector<json>>(const pipeline::AgentRule& rule)> watches;
    std::set<std::uint64_t> watched;          // by their numbers
    std::map<std::uint64_t, json> news;       // that it has not said it has, by their numbers
    std::deque<std::uint64_t> samples;        // among them
    std::uint64_t happened = 0;               // the number of the one that says so
    std::uint64_t number = 0;                 // of the newest of them
    bool ends = false;                        // its lease has lapsed
    std::vector<json> rules;                  // as it shows them
    std::function<void(Allowed<json>)> then;  // who waits for news
    std::uint64_t waiting = 0;
  };
  struct Admission {
    std::uint64_t number = 0;
    std::vector<DecidedAction> actions;
    std::promise<std::vector<DecidedAction>> answer;
  };
  using Call = Allowed<json> (AgentSessions::*)(const json& asked);

  static const std::map<std::string, Call>& calls();
  Allowed<json> begin(const json& asked);
  Allowed<json> rule_states(const json& asked);
  Allowed<json> newest(const json& asked);
  Allowed<json> happenings(const json& asked);
  Allowed<json> decisions(const json& asked);
  Allowed<json> decision(const json& asked);
  Allowed<json> evaluate(const json& asked);
  Allowed<json> watch(const json& asked);
  Allowed<json> commit(const json& asked);
  Allowed<json> keep(const json& asked);
  Allowed<json> keep_rules(const json& asked);
  Allowed<json> set_evidence(const json& asked);
  Allowed<json> act(const json& asked);
  Allowed<json> admitted(const json& asked);

  bool is_held() const;
  void end_soon();
  void end_lapsed();
  Allowed<void> know(const std::string& session);
  Allowed<Decision> own_decision(const std::string& id) const;
  const pipeline::AgentRule* rule_of(const pipeline::AgentSpec& spec,
                                     const std::string& name) const;
  std::shared_ptr<const pipeline::AgentSpec> spec() const;
  Result<json> watch_of(const json& what) const;
  Allowed<int> least_depth(const pipeline::AgentRule& rule, std::int64_t seen_before,
                           std::int64_t seen) const;
  void judge_all(const pipeline::AgentRule* rule, GuardState& guard,
                 std::vector<Decision>& decisions);
  void note_admission(const pipeline::AgentRule& rule, const std::vector<Decision>& decisions);
  void begin_action(const Decision& decision, std::size_t index);
  void record(const std::string& decision, std::size_t action, const std::string& order,
              const Outcome& outcome);
  void push(json item);
  void drop(const std::string& why);
  std::function<void()> answer_news();

  const std::string name_;  // NAMESPACE/NAME
  Ledger& ledger_;
  Actor& actor_;
  boost::asio::thread_pool& writing_;
  std::mutex
      working_mutex_;  // of what a process changes: whoever takes its lease comes after; before the other
  mutable std::mutex mutex_;  // of what follows
  Options options_;
  std::optional<Session> session_;  // its lease may have lapsed: it ends as soon as anybody notices
  std::uint64_t waits_ = 0;         // for news, of all sessions
  bool paused_ = false, ended_ = false;
  std::optional<Admission> admission_;
  std::uint64_t admissions_ = 0;
  std::timed_mutex admitting_mutex_;  // one after the other; before all others
};

}  // namespace scanflow::control
