// The engine: one strand that owns all runs, and everything around it that posts to it (the store's
// writer, backends, a pool for expressions and files). Every fact is committed before anyone acts
// on it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/backend/pod_hub.hpp"
#include "engine/knowledge/knowledge.hpp"
#include "engine/pipeline/metric_query.hpp"
#include "engine/run/scheduler.hpp"
#include "engine/runtime/action.hpp"
#include "engine/runtime/primitive.hpp"
#include "engine/runtime/registry.hpp"
#include "engine/runtime/state_directory.hpp"
#include "engine/runtime/submission.hpp"
#include "engine/store/store.hpp"
#include "engine/track/tracker.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::runtime {

struct EngineOptions {
  StateDirectory state;
  std::unique_ptr<store::Store> store;  // null: volatile, all is forgotten at the end (benchmarks)
  std::filesystem::path worker;         // scanflow-worker
  std::filesystem::path plugins;        // the build's or installation's plugin directory
  bool sync_artifacts = false;          // they survive power loss, as with Durability::power
  std::uint32_t jobs = 1;  // attempts at once on this machine; a submission may ask for more
  run::Capacity capacity;  // what requests are held against; jobs there is not read
  orchestrate::AllowList patch_allow;  // what `patch` may change of a cluster's objects
  /// What whoever runs this engine should know of it (a line each); null: nobody is told. [any-thread]
  std::function<void(const std::string& line)> log;
};

/// What a person says to a step that asks for an approval.
struct Answer {
  bool approve = false;
  std::string by;       // who
  std::string comment;  // why; may be empty
};

/// That a step gets a second attempt beside the one that it has.
struct HedgeRequest {
  std::string run, step;  // of the run, or of one that it calls ("call/inner")
  std::string by;         // who
  std::string reason;     // why; may be empty
};

/// What became of the runs that an earlier engine had left unfinished.
struct Recovery {
  std::size_t runs = 0;               // that go on; those that they called are not counted
  std::vector<std::string> problems;  // why others do not
};

class Engine {
 public:
  explicit Engine(EngineOptions options);
  /// Tells listeners "closing", commits what is queued, and leaves attempts of unfinished runs to
  /// their supervisor.
  ~Engine();

  // All [any-thread]; answers come to the listener, on the strand.

  /// Starts a run. `prepared`: where the caller has read the pipeline already. First update:
  /// "accepted", or "rejected" with the exit status and what to tell the user.
  /// A run that there is already (told twice, or taken by an earlier engine) is attached to.
  void submit(Submission submission, std::optional<Prepared> prepared, Client client);
  /// Follows a run; one that an earlier engine left unfinished is recovered by replay and goes on.
  void attach(std::string run, Client client);
  /// Goes on with every run that an earlier engine left unfinished, all at once: so groups and
  /// pools hold as before. Steps start with the environment of this process. `done` is called on
  /// the strand, or never where the engine ends first. Call it before anything else.
  void recover(std::function<void(const Recovery&)> done);
  /// Submissions are refused from now on; what runs goes on.
  void take_no_more();
  /// A schedule has fired, and nothing was run; what begins a run is recorded with it.
  void record(store::FiringRow firing);
  /// Tells all listeners "closing", so that whoever owns this engine ends it.
  void hand_over();
  /// Calls back, on the strand, once all that was recorded before is committed: true; false where
  /// the store is broken already. Never where it breaks, or the engine ends, first.
  void settle(std::function<void(bool stored)> done);
  // These answer {"type": "done"} once it is committed, or "rejected".
  void cancel(std::string run, Client client);
  /// Runs that are over, and those that they called; what only they have made goes too.
  void remove(std::vector<std::string> runs, Client client);
  /// Cached results that are older, and the artifacts that nothing else needs.
  void clear_cache(std::int64_t age_us, Client client);
  /// To a step that waits for a person: of the run, or of one that it calls ("call/gate").
  void answer(std::string run, std::string step, Answer answer, Client client);

  // Steps that run (primitive.hpp). These answer {"type": "done"} with what follows, or "rejected".

  /// "run", "command": command_document. Asked again with the same id, it is done once.
  void primitive(PrimitiveRequest request, Client client);
  /// What a step lets one do to it now: "run", "step", "attempt", "observed" (a sidecar can act on
  /// it), "offers": offers_document.
  void offers(std::string run, std::string step, Client client);
  /// "top": top.hpp's document of all that runs.
  void top(Client client);
  /// Begins a second attempt beside the one that the step has, as soon as there is room for it; the first that
  /// succeeds is the step's. "run", "step", "beside": the number of the attempt that it has.
  void hedge(HedgeRequest request, Client client);
  /// "running": running.hpp's document of the pipeline ([NAMESPACE/]NAME; empty: of all).
  void running(std::string pipeline, Client client);

  /// Asked before a run begins, whoever submits it, but for one that repeats another or is called by one. It may change
  /// what is run; its error, which is what the user sees, keeps it from beginning. It is called on a thread of the
  /// engine's, which it may hold up, and no more once on_submission({}) has returned.
  using Admit = std::function<Result<void>(Submission& submission)>;
  void on_submission(Admit admit);

  /// A primitive of a cluster's object: "action": action_document. Asked again with the same id, it is done once.
  void act(ActionRequest request, Client client);

  // Pods that the engine has not made for an attempt (namespaces.hpp).

  /// What their sidecars need to come to the hub.
  struct Enrolled {
    backend::HubAddress hub;
    backend::KeyPair keys;  // of the namespace, or of the Pod
  };
  /// Lets the Pods of that namespace in, from now on and after restarts; `then` is called on the strand once the hub
  /// listens for them, or with why it cannot.
  void enrol(std::string name_space, std::function<void(Result<Enrolled>)> then);
  /// The same of one Pod, which needs no token, until it is dismissed, or this engine ends.
  void admit_pod(std::string name_space, std::string pod,
                 std::function<void(Result<Enrolled>)> then);
  void dismiss_pod(std::string name_space, std::string pod);
  /// Pods of that namespace may fetch these of the artifact store, in place of what was lent to this borrower before.
  /// `path` of each: as in backend::pod_request.
  void lend(const std::string& name_space, const std::string& borrower,
            std::vector<protocol::Input> files);

  /// What sidecars and steps have told lately; null: nothing yet.
  const knowledge::Knowledge* recent() const;
  /// As expressions ask it (metric_answers.hpp).
  Result<std::optional<double>> metric(const pipeline::MetricQuery& query) const;
  /// A sample that this process has made itself, not a step or a sidecar. [any-thread]
  void observe(const std::string& name, const Labels& labels, knowledge::Kind kind,
               const knowledge::Sample& sample);
  /// Told of each sample, from now on, of series of that name which have these labels: {"name", "labels", "time_us",
  /// "value"}. On whatever thread it comes; must not block, nor call back. Gives a number, for unwatch_samples.
  std::uint64_t watch_samples(std::string name, const Labels& labels,
                              std::function<void(nlohmann::json sample)> tell);
  void unwatch_samples(std::uint64_t number);

  /// Null: this engine keeps no state. Its write() and read() are for others with tables of their own; it is the
  /// engine's.
  store::Store* store() const;

  // Experiments and models (engine/track).

  /// As Tracker::run(), from another thread; a problem where this engine keeps no state.
  void track(const track::Call& call, nlohmann::json request,
             std::function<void(track::Answer<std::string>)> then);
  /// Calls `use` on a thread of the tracker's, which may block; with a problem here and now where there is none, or too
  /// many wait for it.
  void with_tracker(std::function<void(track::Answer<const track::Tracker*>)> use);

  // Registered documents. These answer {"type": "done"} with what registry.hpp says, or "rejected";
  // one after the other, in the order in which they come.
  void apply(ApplyRequest request, Client client);
  void remove_documents(std::vector<store::DocumentName> names, Client client);
  /// "applications": applications_document (applications.hpp) of those that are registered.
  void applications(Client client);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace scanflow::runtime
