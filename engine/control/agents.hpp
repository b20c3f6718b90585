// The registered agents of a server, at work: what is applied begins, what is deleted ends, a new version takes over where
// the one before was.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/control/agent_runner.hpp"
#include "engine/control/agent_sessions.hpp"
#include "engine/control/contests.hpp"
#include "engine/control/engine_actor.hpp"
#include "engine/control/ledger.hpp"
#include "engine/control/object_watches.hpp"
#include "engine/control/record.hpp"
#include "engine/control/web_hook.hpp"
#include "engine/runtime/engine.hpp"
#include "engine/runtime/state_directory.hpp"
#include "engine/store/store.hpp"
#include "sdk/base/result.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::control {

/// A thread of its own. Thread-safe.
class Agents {
 public:
  struct Options {
    runtime::StateDirectory state;
    std::filesystem::path worker;  // scanflow-worker
    std::uint32_t jobs = 0;        // of runs that they start
    std::vector<std::string> plugin_dirs;
    std::function<std::shared_ptr<const loader::Catalog>()> catalog;  // null: it cannot be found
    std::function<void(const std::string& line)> log;                 // [any-thread]
  };
  /// The engine outlives it, or it was told to forget it.
  static Result<std::unique_ptr<Agents>> start(Options options, runtime::Engine& engine);
  ~Agents();
  /// It is about to end: all agents end, and go on with the next one.
  void forget_engine();

  /// [{"namespace", "name", "version", "template", "status": active | paused | failed | waiting (for its process),
  /// "problem", "runs": server | process, "run_by": null, or of a process {"host", "pid", "since_us"}, "rules"}]
  json list() const;
  /// One of them; nothing: there is none.
  std::optional<json> show(const std::string& name_space, const std::string& name) const;
  Result<std::vector<Decision>> decisions(const DecisionFilter& filter) const;
  /// Of a decision that waits, by its id or the beginning of one. An error: there is none that waits.
  Result<Decision> answer(const std::string& decision, bool approve, const std::string& by);
  /// An error: there is no such agent.
  Result<void> pause(const std::string& name_space, const std::string& name, bool paused,
                     const std::string& by);
  /// What somebody asks for by hand: it is done as if a rule had asked for it, and stands in the decision log (agent:
  /// "NAMESPACE/-"). `then` is told of it once it has ended; not where the server ends first. An error: it is not begun.
  Result<void> send(const std::string& name_space, DecidedAction action, const std::string& by,
                    std::function<void(const Decision&)> then);
  enum class Hooked { told, unknown, unsigned_ };
  /// Somebody has called the server: told as an event where a rule waits for that, and the call is signed with its secret.
  /// An error: the secret is not to be had.
  Result<Hooked> hook(const HookCall& call);
  /// Rules on `submit` are asked, one agent after the other: one that fails lets it pass. The error: it may not be run, and
  /// why. Blocks, for seconds at most.
  Result<void> admit(runtime::Submission& submission);
  /// The same of a version of a service, once: gives its text as it may be served.
  Result<std::string> admit_service(const store::Document& service);
  /// What agents could be woken by since then: events, and each second of the series that rules watch now. For replays.
  Result<std::vector<Recorded>> record(std::int64_t since_us) const;
  /// Tells an event to all agents; gives its number.
  Result<std::int64_t> emit(Happening happening);
  /// Of one with `runs: process`, for its processes.
  Allowed<std::shared_ptr<AgentSessions>> sessions(const std::string& name_space,
                                                   const std::string& name) const;

 private:
  struct Kept {
    std::uint32_t version = 0;
    std::string problem;
    std::int64_t again_us = 0;  // it is read again, where that failed
    std::string template_;
    std::shared_ptr<RunningAgent> runner;             // null: it cannot be read
    std::shared_ptr<AgentSessions> sessions;          // the same, where a process runs it
    std::shared_ptr<const pipeline::AgentSpec> spec;  // its
  };
  Agents(Options options, std::unique_ptr<store::Store> store, runtime::Engine& engine);
  void loop();
  void look();
  void look_at(const store::DocumentEntry& entry);
  void forget_those_not(const std::set<std::string>& there);
  void begin(const std::string& name, Kept& kept, std::shared_ptr<const pipeline::AgentSpec> spec,
             std::shared_ptr<const loader::Catalog> catalog);
  void begin_process(const std::string& name, Kept& kept, AgentRunner::Options options);
  void unwatch(const std::string& name);
  std::string watch_problem(const std::string& name) const;
  Result<std::string> admit(const std::string& file, std::string source,
                            const std::string& name_space, const json& params,
                            std::string* unanswered = nullptr);  // an agent that did not answer
  bool has_waited(const std::string& what, bool answered);
  Result<void> take_admission(const std::string& name, const std::string& file,
                              const std::vector<DecidedAction>& actions, std::string& source) const;
  void tell_all();
  Result<json> ask_running(const std::string& pipeline) const;
  std::string contested(const std::string& rule, const std::vector<DecidedAction>& actions);
  json describe(const std::string& name, const Kept& kept) const;
  std::shared_ptr<RunningAgent> runner_of(const std::string& name) const;

  /// Whoever uses the ledger has it shared; who ends, alone: then nobody uses it any more.
  template <class Use>
  auto with_ledger(const Use& use) const -> decltype(use()) {
    const std::shared_lock held(gate_);
    if (closed_) return fail("the server ends, or takes nothing more");
    return use();
  }

  const Options options_;
  const std::unique_ptr<store::Store> store_;  // read only
  mutable std::shared_mutex gate_;             // before the other
  bool closed_ = false;
  Ledger ledger_;
  std::mutex looking_;  // before the next
  bool looked_ = false;
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  runtime::Engine* engine_;
  std::map<std::string, Kept> agents_;  // by NAMESPACE/NAME
  std::map<std::string, std::string> paused_;
  std::map<std::string, std::vector<std::uint64_t>> watches_;  // Engine::watch_samples
  std::map<std::string, std::vector<json>> watched_;           // what that is: {"name", "labels"}
  std::map<std::string, std::int64_t> waited_;                 // services for agents, since when
  ObjectWatches objects_{runtime::cluster_of_environment()};
  std::map<std::string, std::vector<std::uint64_t>> object_watches_;
  bool ending_ = false;
  std::mutex contests_mutex_;
  Contests contests_;
  std::unique_ptr<EngineActor> actor_;
  boost::asio::thread_pool writing_{1};  // what became of what was asked by hand
  std::thread thread_;
};

}  // namespace scanflow::control
