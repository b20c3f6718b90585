// The inside of the engine; engine.cpp has its life and its loop, effects.cpp what follows from
// decisions, reports.cpp what backends tell, recovery.cpp how runs of an earlier engine go on. All
// members belong to the strand unless a comment says otherwise.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <shared_mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/backend/backend.hpp"
#include "engine/backend/gangs.hpp"
#include "engine/backend/pod_backend.hpp"
#include "engine/run/scheduler.hpp"
#include "engine/runtime/actions.hpp"
#include "engine/runtime/active_run.hpp"
#include "engine/runtime/engine.hpp"
#include "engine/runtime/enrolment.hpp"
#include "engine/runtime/pod_fleet.hpp"
#include "engine/runtime/quotas.hpp"
#include "engine/runtime/recent_metrics.hpp"
#include "engine/runtime/replies.hpp"
#include "engine/runtime/request_maker.hpp"
#include "engine/runtime/run_locks.hpp"
#include "engine/runtime/steering.hpp"
#include "engine/runtime/turns.hpp"
#include "engine/store/artifacts.hpp"
#include "engine/track/tracker.hpp"

namespace scanflow::runtime {

/// A run and what the engine keeps beside it.
struct Entry {
  Entry(std::string id, Submission submission, Prepared prepared, std::int64_t created_us,
        const EngineOptions& options)
      : run(std::move(id), std::move(submission), std::move(prepared), created_us,
            options.store ? Keep::in_store : Keep::in_memory),
        requests(options.state) {}
  ActiveRun run;
  RequestMaker requests;
  std::map<std::uint32_t, std::vector<std::string>> references;  // by step as written
  std::int64_t wake_us = 0;
  bool changed = false;  // its next decisions are due
  bool over = false;
};
using EntryPtr = std::shared_ptr<Entry>;

struct ResolveJob;

/// What to do about a run that nobody goes on with.
std::string interrupted(const std::string& run);

/// A run of an earlier engine, as its events tell it; or why there is none.
struct Recovered {
  EntryPtr entry;
  std::string error;
};

struct Engine::Impl {
  explicit Impl(EngineOptions given);
  ~Impl();

  // --- life and loop (engine.cpp)
  bool is_known(const std::string& run) const;
  void submit(Submission submission, std::optional<Prepared> prepared, Client client);
  Result<void> ask_to_admit(Submission& submission);
  void read_and_begin(Submission submission, std::optional<Prepared> prepared, Client client);
  Result<Prepared> get_ready(Submission& submission, std::optional<Prepared> prepared,
                             const Environment& environment);
  /// Of whoever asked for the run, or goes on with it.
  void set_environment(const EntryPtr& entry, Environment environment) const;
  std::string never_fits(const Entry& entry) const;
  void make_room(const RunOptions& chosen);
  /// To one that asks an engine that is ending: it takes over, unless the store is broken.
  void refuse(const Client& client) const;
  /// Why it does not begin; nothing: it has, or its client is told otherwise.
  struct Refusal {
    int exit = 0;
    std::string message;
  };
  std::optional<Refusal> begin(Submission submission, Prepared prepared, Client client);
  void begin_or_reject(Submission submission, Prepared prepared, const Client& client);
  void cancel(const std::string& run, Client client);
  /// `step`: of the run, or of one that it calls ("call/gate").
  void answer(const std::string& run, const std::string& step, const Answer& answer, Client client);
  /// The run and step that "call/step" of `entry` means, as far as there are such.
  std::pair<EntryPtr, std::string> within_calls(EntryPtr entry, std::string step) const;
  /// The active runs that steps of `entry` call, by step.
  std::map<std::string, EntryPtr> active_calls(const EntryPtr& entry) const;
  /// The steps of the runs that it calls, to somebody who comes later.
  void tell_called(const EntryPtr& entry, const std::string& within,
                   const std::function<bool(const Update&)>& listener) const;
  /// Those that await an answer, with those of called runs ("call/gate").
  std::vector<std::string> waiting_steps(const EntryPtr& entry) const;
  void remove(const std::vector<std::string>& runs, const Client& client);
  void clear_cache(std::int64_t age_us, const Client& client);
  void act(ActionRequest request, const Client& client);
  void apply(ApplyRequest request, const Client& client);
  void remove_documents(std::vector<store::DocumentName> names, const Client& client);
  /// The run, if it is in this engine and not over; else the client is told why not.
  EntryPtr active(const std::string& run, const Client& client) const;
  /// A fact that a person has caused.
  void tell_run(const EntryPtr& entry, run::Event event, Client client);
  /// Lets the runs take their next decisions, those first whose steps matter most; records them,
  /// and queues their effects for after the commit. Of a run that has not changed only what waits
  /// for room may follow.
  void pump();
  void pump(const EntryPtr& changed);
  void decide(const EntryPtr& entry, run::Scheduler& scheduler, Quotas& quotas);
  /// Hands what was recorded to the store; its effects follow once it is committed.
  void flush();
  void perform(const EntryPtr& entry, const run::Effect& effect,
               std::map<backend::Backend*, std::vector<backend::RequestPtr>>& launches);
  void stop(const EntryPtr& entry, const run::Effect& effect);
  void resolve(const EntryPtr& entry, std::uint32_t step);
  void conclude(const EntryPtr& entry);
  std::shared_ptr<ResolveJob> make_job(const EntryPtr& entry,
                                       const std::vector<std::string>& wanted) const;
  void launch(const EntryPtr& entry, std::uint32_t step, std::uint32_t attempt,
              std::map<backend::Backend*, std::vector<backend::RequestPtr>>& launches);
  void enter(const EntryPtr& entry);
  void end(const EntryPtr& entry);
  CalledRuns called_by(const Entry& entry) const;
  void arm_timer();
  void fail_all(const std::string& message);
  backend::Backend* backend_for(const std::string& name);
  std::shared_ptr<const loader::Catalog> discover(const RunOptions& options,
                                                  std::string* error) const;
  void post(std::function<void()> call) { boost::asio::post(strand, std::move(call)); }
  /// Does it on the pool. What it throws is a bug: no run goes on, and each says so. [any-thread]
  template <class Call>
  void work(Call call) {
    boost::asio::post(pool, [this, call = std::move(call)]() mutable {
      try {
        call();
      } catch (const std::exception& error) {
        post([this, what = std::string(error.what())] { fail_all(bug(what)); });
      }
    });
  }

  // --- what is asked of running steps (steering.cpp)
  /// Of an injected Pod: `run` is its uid, `step` the container; nothing: it is none, or not there.
  const Fleet::Workload* injected(const std::string& run, const std::string& step) const;
  /// The attempt that is meant, if it runs where a sidecar can be; else the client is told why not.
  std::optional<protocol::AttemptId> steered(const std::string& run, const std::string& step,
                                             const Client& client) const;
  void primitive(const PrimitiveRequest& request, const Client& client);
  bool asked_before(const PrimitiveRequest& request, const Client& client);
  void issue(const PrimitiveRequest& request, const CheckedPrimitive& checked,
             const protocol::AttemptId& target, const Client& client);
  void record(const store::CommandRow& row);
  void hand_over(const store::CommandRow& row, bool sent);
  void on_delivery(const hub::SidecarKey& from, std::uint64_t number,
                   const protocol::Message& message);
  void on_outcome(const hub::SidecarKey& from, const protocol::Outcome& outcome);
  void on_injected(const hub::SidecarKey& from, const protocol::Body& body);
  void open_hub();
  void end_command(const std::string& id, const std::string& outcome, const std::string& message);
  void end_command(const store::CommandRow& ended);
  void tell_offers(const std::string& run, const std::string& step, const Client& client);

  // --- second attempts (hedging.cpp)
  void hedge(const HedgeRequest& request, Client client);
  void hedge_now(const HedgeRequest& request, Client client);
  /// Why none can begin beside the step's, or "".
  std::string why_no_hedge(const Entry& entry, std::uint32_t step) const;
  /// Why two attempts of it can never run at once under its quota or on this machine, or "".
  std::string no_room_beside(const Entry& entry, const pipeline::Step& step) const;
  void tell_running(const std::string& pipeline, const Client& client);

  // --- sidecars, once they are worth it (watch.cpp)
  /// Calls it at once, or when there is a fleet, or it is known why there is none.
  void with_fleet(Steering::Then then);
  std::string start_fleet(std::uint64_t term, const std::vector<store::CommandRow>& open);
  /// Commands of an earlier engine that have no outcome.
  void take_over_commands();
  bool is_running(const protocol::AttemptId& member) const;
  /// From now on each second something is looked after, as long as there is something.
  void arm_seconds();
  void each_second();
  void look_after_commands(std::int64_t now_us);
  /// Some time for outcomes that are about to come, when the engine ends. [not the strand]
  void wait_for_outcomes();
  void tell_top(const Client& client);

  // --- Pods (pod_backends.cpp)
  /// Of "podman" or "kubernetes".
  std::unique_ptr<backend::Backend> make_pods(const std::string& name, const backend::Sink& sink);
  FleetEvents fleet_events();
  void enrol(const std::string& name_space, const std::function<void(Result<Enrolled>)>& then);
  void admit_pod(const std::string& user, const std::function<void(Result<Enrolled>)>& then);
  /// The one that a Pod's sidecar belongs to; null: this machine's own.
  backend::PodBackend* backend_of(const hub::SidecarKey& sidecar) const;
  /// Who acts on an attempt that no sidecar has spoken of yet.
  hub::SidecarKey sidecar_of(const protocol::AttemptId& target) const;
  /// Of a Pod's sidecar: is it of an attempt that it does not have?
  bool is_foreign(const hub::SidecarKey& from, const protocol::AttemptId& id) const;

  // --- what is kept (retention.cpp)
  /// Deletes runs that are over, with those they called, and their logs. [any-thread]
  Result<std::vector<std::string>> delete_runs(const std::vector<std::string>& ids);
  Result<store::Garbage> collect_garbage();
  /// After a run has ended: those of its pipeline that are not to be kept go.
  void retire(const EntryPtr& entry);

  // --- runs that exclude each other (groups.cpp)
  struct GroupTurn {
    bool queued = false;
    std::string refused;  // why; else empty
  };
  /// By the run's concurrency group: it starts, waits, or is refused; others may be cancelled.
  GroupTurn enter_group(const Entry& entry);
  /// Its members that run, or that wait for it (not for their namespace's quota).
  std::vector<EntryPtr> in_group(const std::string& group, bool queued) const;

  // --- namespaces of applications (tenants.cpp)
  /// From now on these hold.
  void take_applications(std::shared_ptr<const pipeline::Applications> now);
  /// Why the run may not begin, or "".
  std::string refused(const Entry& entry) const;
  static Place place_of(const Entry& entry);
  /// May it have to wait for others?
  bool takes_turns(const Entry& entry) const;
  /// The queued ones, the oldest first, as far as their namespaces and groups have room; the others
  /// say what they wait for. In one pass. Those that run then.
  Turns start_queued();
  /// {"run", "pipeline", "why"}: of one that waits for a quota.
  static json waiting_document(const Entry& entry);
  void tell_applications(const Client& client);
  void tell_changed(const Client& client, Result<json> done);

  // --- runs of an earlier engine whose clients have not come yet (takeover.cpp)
  /// Once, before the first request is served.
  void take_over();
  void hold(const std::string& id);
  void on_strays(const std::vector<protocol::AttemptId>& ids);
  void found_out();
  /// Posts it; it waits until it is known what an earlier engine left. [any-thread]
  void ask(std::function<void()> request);
  /// Will somebody come for a held run?
  bool is_expected(const Entry& entry) const;
  void count_held(run::Scheduler& scheduler, Quotas& quotas) const;
  void look_again();

  // --- what backends tell (reports.cpp)
  void on_reports(std::vector<backend::Report> reports);
  void on_kept(const protocol::AttemptId& id);
  void on_placed(const EntryPtr& entry, const backend::Placed& placed);
  /// `ranks`: of a gang, what became of each; null: it is none.
  void on_ended(const EntryPtr& entry, protocol::Result result, json ranks = nullptr);
  void attempt_ended(const EntryPtr& entry, std::uint32_t step, const protocol::Result& result,
                     json artifacts, json ranks = nullptr);
  void drop_checkpoints(const EntryPtr& entry, std::uint32_t step);
  void on_metric(const EntryPtr& entry, const protocol::Metric& metric);
  void on_host_call(const EntryPtr& entry, const protocol::HostCall& call);
  void acknowledge(const EntryPtr& entry, const protocol::AttemptId& id);

  // --- pipelines that steps call (calls.cpp)
  void call(const EntryPtr& entry, std::uint32_t step, std::uint32_t attempt);
  void stop_call(const EntryPtr& entry, std::uint32_t step, std::uint32_t attempt);
  void start_call(const EntryPtr& entry, const protocol::AttemptId& attempt, Submission submission,
                  Result<Prepared> prepared);
  /// The run that a step has called has ended.
  void call_ended(const EntryPtr& called);
  void end_call(const protocol::AttemptId& attempt, const run::Machine& called);
  void call_may_have_to_stop(const EntryPtr& entry, const protocol::AttemptId& attempt);
  void end_attempt(const protocol::Result& result, json artifacts);
  void fail_call(const protocol::AttemptId& attempt, const std::string& cause,
                 const std::string& message);
  Client caller_of(const EntryPtr& entry, const std::string& step) const;

  // --- runs of an earlier engine (recovery.cpp)
  void attach(const std::string& run, Client client);
  bool look_on(const std::string& run, const Client& client);
  /// Reads the run off the strand; an error comes as "rejected".
  void recover(const std::string& run, std::function<void(Recovered)> then);
  void recover_all(std::function<void(const Recovery&)> done);
  void adopt(const EntryPtr& entry, Client client);
  void adopt_all(std::vector<Recovered> found, Recovery recovery,
                 const std::function<void(const Recovery&)>& done);
  using Launches = std::map<backend::Backend*, std::vector<backend::RequestPtr>>;
  /// From now on it is one of this engine's runs; its attempts are to be launched, or found.
  void go_on_with(const EntryPtr& entry, Launches& launches);
  void forget_ended(const EntryPtr& entry);
  void add_ended_of_called(const std::string& caller,
                           std::vector<protocol::AttemptId>& ended) const;

  EngineOptions options;
  const Environment own_environment = runtime::own_environment();
  store::Artifacts artifacts;
  RecentMetrics recent{options.log};
  std::shared_ptr<const pipeline::Applications> applications;  // never null
  std::optional<Actions> actions;                              // none: there is no store
  std::shared_mutex admitting;                                 // whoever asks has it shared
  Admit admit_first;
  boost::asio::io_context strand;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_alive{
      strand.get_executor()};
  boost::asio::steady_timer wake_timer{strand};
  boost::asio::steady_timer row_timer{strand};
  boost::asio::thread_pool asking{4};  // whoever admits may take its time
  boost::asio::thread_pool pool{2};
  std::optional<track::Tracker> tracker;  // none: there is no store
  boost::asio::thread_pool tracking{2};   // a long search holds up nothing else
  std::atomic<int> tracked_calls = 0;     // that wait, or are done
  /// Changes of what is registered follow each other.
  boost::asio::strand<boost::asio::thread_pool::executor_type> registry{pool.get_executor()};
  PodFiles pod_files{artifacts, options.state.pods() / "incoming"};
  Enrolment enrolment{review_by(cluster_of_environment())};
  PodFleet pod_fleet{options.state.hub_identity(), options.state.hub_namespaces(), pod_files,
                     [this](std::function<void(Fleet*, const std::string&)> then) {
                       if (!options.store) return then(nullptr, "this engine keeps no state");
                       with_fleet([this, then = std::move(then)](const std::string& problem) {
                         then(problem.empty() ? steering.fleet.get() : nullptr, problem);
                       });
                     }};
  backend::Gangs gangs;  // outlives them
  std::map<std::string, std::unique_ptr<backend::Backend>> backends;
  std::vector<backend::PodBackend*> pods;  // those of them whose attempts are Pods
  std::unordered_map<std::string, EntryPtr> runs;
  std::vector<EntryPtr> order;  // of submission: older runs are asked first
  std::map<std::string, std::vector<Client>> recovering;
  std::map<std::string, EntryPtr> held;
  std::set<protocol::AttemptId> strays;  // that run for no run of `runs`
  std::optional<RunLocks> run_locks;     // those of `runs`; none: there is no store
  std::optional<RunLocks> followers;     // none: nothing was there to take over
  std::size_t finding_out = 0;           // what is asked for before anything is decided
  bool surveyed = false;
  std::vector<std::function<void()>> deferred;  // requests
  boost::asio::steady_timer held_timer{strand};
  Steering steering;
  boost::asio::steady_timer hub_timer{strand};
  std::string hub_problem;  // that was said
  boost::asio::steady_timer seconds_timer{strand};
  bool seconds_armed = false;

  struct After {
    std::vector<std::pair<EntryPtr, run::Effect>> effects;
    std::vector<std::pair<EntryPtr, protocol::AttemptId>> acknowledged;
    std::vector<std::pair<EntryPtr, ActiveRun::Unsaid>> unsaid;
    std::vector<std::function<void()>> calls;
    bool empty() const {
      return effects.empty() && acknowledged.empty() && unsaid.empty() && calls.empty();
    }
  };
  void carry_out(const After& work_after);
  void arm_rows();
  static void tell_followers(const After& work_after);
  store::Batch batch;
  After after;
  bool failed = false;
  bool full = false;  // takes no more runs
  bool closing = false;
  std::thread thread;
};

}  // namespace scanflow::runtime
