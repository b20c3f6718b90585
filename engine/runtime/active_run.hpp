// One run in a living engine: its state machine, its record, and how it is shown. Belongs to the
// strand.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/run/machine.hpp"
#include "engine/runtime/hedged_attempts.hpp"
#include "engine/runtime/run_facts.hpp"
#include "engine/runtime/step_index.hpp"
#include "engine/runtime/submission.hpp"
#include "engine/store/store.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::runtime {

/// Where the events of a run are kept.
enum class Keep { in_store, in_memory };

class ActiveRun {
 public:
  ActiveRun(std::string id, Submission submission, Prepared prepared, std::int64_t created_us,
            Keep keep);

  const std::string& id() const { return id_; }
  const Submission& submission() const { return submission_; }
  const pipeline::Plan& plan() const { return *prepared_.plan; }
  const Prepared& prepared() const { return prepared_; }
  run::Machine& machine() { return machine_; }
  const run::Machine& machine() const { return machine_; }
  std::int64_t created_us() const { return created_us_; }

  /// The event that begins the run's log: everything that a restart needs.
  run::Event created_event(bool queued) const;

  /// A fact from outside: changes the state, and goes into the batch. Listeners are told of it by
  /// say(), once that is committed.
  void apply(const run::Event& event, store::Batch& batch);
  /// A fact that the state machine has applied already (Decisions::events).
  void record(const run::Event& event, store::Batch& batch);
  /// A fact that was committed by an earlier engine.
  void replay(const run::Event& event, std::int64_t seq);
  /// Rows that changed since the last call (also by what is no event, as the place of a running
  /// attempt's log).
  void flush_rows(store::Batch& batch);

  /// Tells it "accepted", and all that follows.
  void add_client(Client client);
  /// From now on listeners are told each event: one of them has begun to want it.
  void want_events() { events_wanted_ = true; }
  bool has_listeners() const { return !listeners_.empty(); }
  /// Tells them "finished".
  void finish(CalledRuns called);
  void tell(json update);

  /// For what of its namespace's quota it waits; "": for nothing. Tells that, where it is new.
  void set_waits(const std::string& why);
  const std::string& waits() const { return waits_; }
  /// What listeners are to be told once what was recorded before is committed.
  void will_say(json update);
  /// All of it since the last call.
  struct Unsaid {
    std::uint64_t first = 0;  // number of the first one
    std::vector<Update> updates;
  };
  Unsaid take_unsaid();
  void say(const Unsaid& unsaid);

  /// The Pod that the attempt has been given to, as run_facts.hpp has it; null: none.
  json pod_of(std::uint32_t step, std::uint32_t attempt) const;
  void started(const protocol::Started& started);
  /// `ranks`: as attempt_ended has them; null: it is no gang.
  void logs_ended(std::uint32_t step, std::uint32_t attempt, const protocol::LogRange& log,
                  const json& ranks);
  /// Of an attempt that logs a metric: what it was started with, the first time.
  std::optional<store::TrackedRow> begins_to_log(const protocol::AttemptId& id);
  /// Index of the step with this identity, or run::kNoStep.
  std::uint32_t index_of(const std::string& step_id) const;

  store::RunRow row() const;
  store::StepRow step_row(std::uint32_t index) const;
  /// The run document of sdk/abi/README.md, without metrics and models.
  json document(std::int64_t now_us) const;
  /// How a client sees it at first: {"type": "accepted", "run", "pipeline", ..., "steps": [...]}.
  json accepted(bool with_steps) const;

 private:
  json step_document(std::uint32_t index) const;
  void know_steps();
  auto identities() const {
    return [this](std::uint32_t step) -> const std::string& { return machine_.planned(step).id; };
  }

  struct Log {
    std::uint32_t attempt, rank;
    protocol::LogRange range;
  };
  struct Follower {
    Listener listener;
    std::uint64_t from = 0;  // the number of the first update that it has not seen the effect of
  };
  void log_ended(std::uint32_t step, std::uint32_t attempt, std::uint32_t rank,
                 const protocol::LogRange& log);
  void know_pod(const run::Event& event);
  void know_hedge(const run::Event& event);
  void touch(std::uint32_t step);
  void tell(const Update& update, std::uint64_t number);

  std::string id_;
  Submission submission_;
  Prepared prepared_;
  std::int64_t created_us_;
  std::int64_t ended_us_ = 0;
  std::string digest_;  // of the source
  std::string waits_;
  run::Machine machine_;
  Keep keep_;
  std::vector<run::Event> history_;  // in memory only
  std::int64_t seq_ = 0;
  std::vector<Follower> listeners_;
  bool events_wanted_ = false;
  std::vector<Update> unsaid_;
  std::uint64_t taken_ = 0;  // number of the first of unsaid_
  std::set<protocol::AttemptId> logging_;
  StepIndex index_;
  std::vector<std::uint32_t> dirty_;
  std::vector<bool> is_dirty_;
  std::unordered_map<std::uint32_t, std::vector<Log>> logs_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, run::Event> placed_;  // by step and attempt
  std::unordered_map<std::uint32_t, HedgedAttempts> hedged_;  // of steps that have had two at once
};

}  // namespace scanflow::runtime
