#include "engine/runtime/engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/backend/names.hpp"
#include "engine/runtime/applications.hpp"
#include "engine/runtime/cluster.hpp"
#include "engine/runtime/engine_impl.hpp"
#include "engine/runtime/metric_answers.hpp"
#include "engine/runtime/namespaces.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::runtime {
namespace {

using run::Effect;
using run::Event;
using run::EventType;

/// How long a change of a running step may take to be seen by `runs show` of another process.
constexpr auto kRowDelay = std::chrono::milliseconds(200);

constexpr int kMostTrackedCalls = 1000;

/// As MLflow's are: 32 hexadecimal digits.
std::string new_tracked_id() {
  std::string id = uuid_v7(wall_us() / 1000);
  std::erase(id, '-');
  return id;
}

}  // namespace

Engine::Engine(EngineOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Engine::~Engine() = default;

void Engine::submit(Submission submission, std::optional<Prepared> prepared, Client client) {
  impl_->ask([impl = impl_.get(), submission = std::move(submission),
              prepared = std::move(prepared), client = std::move(client)]() mutable {
    impl->submit(std::move(submission), std::move(prepared), std::move(client));
  });
}

void Engine::attach(std::string run, Client client) {
  impl_->ask([impl = impl_.get(), run = std::move(run), client = std::move(client)]() mutable {
    impl->attach(run, std::move(client));
  });
}

void Engine::recover(std::function<void(const Recovery&)> done) {
  impl_->post([impl = impl_.get(), done = std::move(done)]() mutable {
    impl->recover_all(std::move(done));
    impl->open_hub();
  });
}

void Engine::take_no_more() {
  impl_->post([impl = impl_.get()] { impl->full = true; });
}

void Engine::hand_over() {
  impl_->post([impl = impl_.get()] {
    for (const EntryPtr& entry : impl->order) entry->run.tell({{"type", "closing"}});
  });
}

void Engine::record(store::FiringRow firing) {
  impl_->post([impl = impl_.get(), firing = std::move(firing)]() mutable {
    if (impl->failed || impl->closing) return;
    impl->batch.firings.push_back(std::move(firing));
    impl->flush();
  });
}

void Engine::settle(std::function<void(bool stored)> done) {
  impl_->post([impl = impl_.get(), done = std::move(done)] {
    if (impl->failed) return done(false);
    impl->after.calls.emplace_back([done] { done(true); });
    impl->flush();
  });
}

void Engine::cancel(std::string run, Client client) {
  impl_->ask([impl = impl_.get(), run = std::move(run), client = std::move(client)] {
    impl->cancel(run, client);
  });
}

void Engine::clear_cache(std::int64_t age_us, Client client) {
  impl_->ask([impl = impl_.get(), age_us, client = std::move(client)] {
    impl->clear_cache(age_us, client);
  });
}

void Engine::remove(std::vector<std::string> runs, Client client) {
  impl_->ask([impl = impl_.get(), runs = std::move(runs), client = std::move(client)] {
    impl->remove(runs, client);
  });
}

void Engine::answer(std::string run, std::string step, Answer answer, Client client) {
  impl_->ask([impl = impl_.get(), run = std::move(run), step = std::move(step),
              answer = std::move(answer),
              client = std::move(client)] { impl->answer(run, step, answer, client); });
}

void Engine::primitive(PrimitiveRequest request, Client client) {
  impl_->ask([impl = impl_.get(), request = std::move(request), client = std::move(client)] {
    impl->primitive(request, client);
  });
}

void Engine::offers(std::string run, std::string step, Client client) {
  impl_->ask([impl = impl_.get(), run = std::move(run), step = std::move(step),
              client = std::move(client)] { impl->tell_offers(run, step, client); });
}

void Engine::top(Client client) {
  impl_->ask([impl = impl_.get(), client = std::move(client)] { impl->tell_top(client); });
}

void Engine::on_submission(Admit admit) {
  const std::lock_guard alone(impl_->admitting);
  impl_->admit_first = std::move(admit);
}

void Engine::hedge(HedgeRequest request, Client client) {
  impl_->ask([impl = impl_.get(), request = std::move(request), client = std::move(client)] {
    impl->hedge(request, client);
  });
}

void Engine::running(std::string pipeline, Client client) {
  impl_->ask([impl = impl_.get(), pipeline = std::move(pipeline), client = std::move(client)] {
    impl->tell_running(pipeline, client);
  });
}

void Engine::act(ActionRequest request, Client client) {
  impl_->post([impl = impl_.get(), request = std::move(request),
               client = std::move(client)]() mutable { impl->act(std::move(request), client); });
}

void Engine::enrol(std::string name_space, std::function<void(Result<Enrolled>)> then) {
  impl_->post([impl = impl_.get(), name_space = std::move(name_space), then = std::move(then)] {
    impl->enrol(name_space, then);
  });
}

void Engine::admit_pod(std::string name_space, std::string pod,
                       std::function<void(Result<Enrolled>)> then) {
  impl_->post([impl = impl_.get(), name_space = std::move(name_space), pod = std::move(pod),
               then = std::move(then)] { impl->admit_pod(user_of_pod(name_space, pod), then); });
}

void Engine::dismiss_pod(std::string name_space, std::string pod) {
  impl_->post([impl = impl_.get(), name_space = std::move(name_space), pod = std::move(pod)] {
    impl->pod_fleet.dismiss_user(user_of_pod(name_space, pod), pod);
  });
}

void Engine::lend(const std::string& name_space, const std::string& borrower,
                  std::vector<protocol::Input> files) {
  impl_->pod_files.lend(user_of_namespace(name_space), borrower, std::move(files));
}

const knowledge::Knowledge* Engine::recent() const { return impl_->recent.knowledge(); }

Result<std::optional<double>> Engine::metric(const pipeline::MetricQuery& query) const {
  return runtime::ask_metrics(impl_->recent, query, wall_us());
}

void Engine::observe(const std::string& name, const Labels& labels, knowledge::Kind kind,
                     const knowledge::Sample& sample) {
  impl_->recent.observed(name, labels, kind, sample);
}

std::uint64_t Engine::watch_samples(std::string name, const Labels& labels,
                                    std::function<void(nlohmann::json sample)> tell) {
  return impl_->recent.watch(std::move(name), labels, std::move(tell));
}

void Engine::unwatch_samples(std::uint64_t number) { impl_->recent.unwatch(number); }

store::Store* Engine::store() const { return impl_->options.store.get(); }

void Engine::with_tracker(std::function<void(track::Answer<const track::Tracker*>)> use) {
  const auto unavailable = [&use](const char* why) {
    use(tl::unexpected<track::Problem>({track::Code::unavailable, why}));
  };
  if (!impl_->tracker) return unavailable("this engine keeps no state, and tracks nothing");
  if (impl_->tracked_calls.fetch_add(1) >= kMostTrackedCalls) {
    --impl_->tracked_calls;
    return unavailable("too many calls wait for the tracker; try again");
  }
  boost::asio::post(impl_->tracking, [impl = impl_.get(), use = std::move(use)] {
    use(&*impl->tracker);
    --impl->tracked_calls;
  });
}

void Engine::track(const track::Call& call, nlohmann::json request,
                   std::function<void(track::Answer<std::string>)> then) {
  with_tracker([&call, request = std::move(request),
                then = std::move(then)](track::Answer<const track::Tracker*> tracker) {
    if (!tracker) return then(tl::unexpected(std::move(tracker.error())));
    then((*tracker)->run(call, request));
  });
}

void Engine::apply(ApplyRequest request, Client client) {
  impl_->post([impl = impl_.get(), request = std::move(request),
               client = std::move(client)]() mutable { impl->apply(std::move(request), client); });
}

void Engine::remove_documents(std::vector<store::DocumentName> names, Client client) {
  impl_->post([impl = impl_.get(), names = std::move(names), client = std::move(client)]() mutable {
    impl->remove_documents(std::move(names), client);
  });
}

void Engine::applications(Client client) {
  impl_->ask([impl = impl_.get(), client = std::move(client)] { impl->tell_applications(client); });
}

Engine::Impl::Impl(EngineOptions given)
    : options(std::move(given)), artifacts(options.state.artifacts(), options.sync_artifacts) {
  artifacts.remove_leftovers();
  if (options.store) {
    if (auto locks = RunLocks::open(options.state.engine_runs()))
      run_locks.emplace(std::move(*locks));
    tracker.emplace(*options.store, track::Tracker::Means{[] { return wall_us() / 1000; },
                                                          new_tracked_id, &artifacts});
    Cluster cluster = cluster_of_environment();
    actions.emplace(
        *options.store,
        ClusterOptions{std::move(cluster.where), std::move(cluster.name_space), options.patch_allow,
                       options.log,
                       [this](const std::string& why) { post([this, why] { fail_all(why); }); }});
  }
  applications = registered_applications(options.store.get(), options.log);
  post([this] { take_over(); });
  thread = std::thread([this] {
    for (bool over = false; !over;) {
      try {
        strand.run();
        over = true;
      } catch (const std::exception& error) {
        fail_all(bug(error.what()));
      }
    }
  });
}

Engine::Impl::~Impl() {
  wait_for_outcomes();
  post([this] {
    closing = true;
    for (const auto& [id, asked] : steering.open) {
      for (const Client& client : asked.waiting)
        client.listener(std::make_shared<const json>(json{{"type", "closing"}}));
    }
    seconds_timer.cancel();
    for (const auto& request : std::exchange(deferred, {})) request();  // each is refused
    held_timer.cancel();
    wake_timer.cancel();
    row_timer.cancel();
    for (const EntryPtr& entry : order) {
      entry->run.flush_rows(batch);
      entry->run.will_say({{"type", "closing"}});
    }
    flush();
  });
  asking.join();
  pool.join();
  tracking.join();
  actions.reset();
  post([this] {  // at once: a backend of Pods speaks with the fleet
    steering.fleet.reset();
    backends.clear();  // what they report now comes again to the next engine
  });
  keep_alive.reset();
  thread.join();
  options.store.reset();  // commits what is queued; its callbacks post to a strand that rests
}

std::string bug(const std::string& what) { return what + " (this is a bug in scanflow)"; }

std::shared_ptr<const loader::Catalog> Engine::Impl::discover(const RunOptions& run_options,
                                                              std::string* error) const {
  loader::SearchPath path = loader::search_path(run_options.plugin_dirs, options.plugins);
  path.worker = options.worker;
  path.cache = options.state.plugin_cache();
  auto catalog = loader::Catalog::discover(path);
  if (!catalog) {
    *error = catalog.error().message;
    return nullptr;
  }
  return std::make_shared<const loader::Catalog>(std::move(*catalog));
}

void Engine::Impl::pump(const EntryPtr& changed) {
  changed->changed = true;
  pump();
}

void Engine::Impl::pump() {
  if (failed || finding_out > 0) return;
  struct Turn {
    EntryPtr entry;
    std::int32_t priority;
    std::uint32_t running;
  };
  std::vector<Turn> turns;
  run::Scheduler scheduler({options.jobs, options.capacity.cpu, options.capacity.memory});
  Quotas quotas(applications);
  count_held(scheduler, quotas);
  for (const EntryPtr& entry : order) {
    if (entry->over) continue;
    const run::Machine& machine = entry->run.machine();
    for (const run::Running& running : machine.running_by_kind()) {
      scheduler.add(running, backend::runs_elsewhere(entry->run.submission().options.backend));
      quotas.add(machine.plan().pipeline->name_space, running);
    }
    const auto wants = machine.wants();
    if (!wants && !entry->changed) continue;
    turns.push_back(
        {entry, wants.value_or(0) + machine.plan().pipeline->priority, machine.running()});
  }
  // Among equals the one that has least; older runs first.
  std::stable_sort(turns.begin(), turns.end(), [](const Turn& a, const Turn& b) {
    return a.priority != b.priority ? a.priority > b.priority : a.running < b.running;
  });
  for (const Turn& turn : turns) decide(turn.entry, scheduler, quotas);
  arm_timer();
}

void Engine::Impl::decide(const EntryPtr& entry, run::Scheduler& scheduler, Quotas& quotas) {
  ActiveRun& run = entry->run;
  const RunOptions& chosen = run.submission().options;
  std::uint32_t own = run.machine().running();
  for (const run::Running& running : run.machine().running_by_kind())
    own += (running.like->replicas - 1) * running.count;
  scheduler.next_run(chosen.jobs > own ? chosen.jobs - own : 0,
                     backend::runs_elsewhere(chosen.backend));
  entry->changed = false;
  WithinQuota within(scheduler, quotas, run.plan().pipeline->name_space);
  run::Decisions decisions = run.machine().decide(wall_us(), within);
  if (run.machine().status() == run::RunStatus::running) run.set_waits(within.waits());
  for (const Event& event : decisions.events) {
    run.record(event, batch);
    if (event.type == EventType::run_ended) end(entry);
  }
  for (const Effect& effect : decisions.effects) after.effects.emplace_back(entry, effect);
  entry->wake_us = decisions.wake_us;
}

CalledRuns Engine::Impl::called_by(const Entry& entry) const {
  const bool calls = !entry.run.plan().pipeline->calls.empty() && options.store;
  return calls ? called_runs(*options.store, entry.run.id()) : CalledRuns();
}

void Engine::Impl::enter(const EntryPtr& entry) {
  runs.emplace(entry->run.id(), entry);
  order.push_back(entry);
  if (run_locks) (void)run_locks->add(entry->run.id());
}

void Engine::Impl::end(const EntryPtr& entry) {
  entry->over = true;
  entry->run.flush_rows(batch);
  after.calls.emplace_back([this, entry] {
    retire(entry);  // before whoever is told may end this engine
    entry->run.finish(called_by(*entry));
    runs.erase(entry->run.id());
    if (run_locks) run_locks->remove(entry->run.id());
    std::erase(order, entry);
    const bool some_wait = std::any_of(order.begin(), order.end(), [](const EntryPtr& each) {
      return each->run.machine().status() == run::RunStatus::queued;
    });
    if (some_wait) start_queued();
    call_ended(entry);
    pump();
    flush();
  });
}

void Engine::Impl::flush() {
  for (const EntryPtr& entry : order) {
    ActiveRun::Unsaid unsaid = entry->run.take_unsaid();
    if (!unsaid.updates.empty()) after.unsaid.emplace_back(entry, std::move(unsaid));
  }
  const bool nothing = batch.events.empty() && batch.runs.empty() && batch.steps.empty() &&
                       batch.tracked.empty() && batch.metrics.empty() && batch.cache.empty() &&
                       batch.firings.empty() && batch.commands.empty();
  if (nothing && after.empty()) return;
  auto work_after = std::make_shared<After>(std::exchange(after, {}));
  store::Batch work_batch = std::exchange(batch, {});
  if (!options.store) {
    post([this, work_after] { carry_out(*work_after); });
    return;
  }
  options.store->commit(std::move(work_batch), [this, work_after](Result<void> committed) {
    if (work_after->empty() && committed) return;
    post([this, work_after, committed = std::move(committed)] {
      if (committed) {
        carry_out(*work_after);
      } else {
        fail_all(committed.error().message);
      }
    });
  });
}

void Engine::Impl::carry_out(const After& work_after) {
  if (failed) return;
  if (closing) return tell_followers(work_after);
  std::map<backend::Backend*, std::vector<backend::RequestPtr>> launches;
  // First what is over: what follows may run where that ran.
  for (const auto& [entry, id] : work_after.acknowledged) {
    backend_for(entry->run.submission().options.backend)->acknowledge(id);
  }
  for (const auto& [entry, effect] : work_after.effects) perform(entry, effect, launches);
  for (auto& [backend, requests] : launches) backend->launch(std::move(requests));
  tell_followers(work_after);
  for (const auto& call : work_after.calls) call();
  arm_rows();
  flush();
}

/// Rows of steps are written a little later than what they tell of.
void Engine::Impl::arm_rows() {
  if (!order.empty() && row_timer.expiry() < std::chrono::steady_clock::now()) {
    row_timer.expires_after(kRowDelay);
    row_timer.async_wait([this](boost::system::error_code error) {
      if (error) return;
      for (const EntryPtr& entry : order) entry->run.flush_rows(batch);
      flush();
    });
  }
}

void Engine::Impl::tell_followers(const After& work_after) {
  for (const auto& [entry, unsaid] : work_after.unsaid) entry->run.say(unsaid);
}

void Engine::Impl::fail_all(const std::string& message) {
  if (std::exchange(failed, true)) return;
  for (const EntryPtr& entry : order) {
    const auto known = options.store->find_runs(entry->run.id());
    const bool begun = !known || !known->empty();
    const std::string why =
        begun ? fmt::format(
                    "the run cannot go on, since its events cannot be stored: {}\n"
                    "nothing of what was committed is lost: mend that, then "
                    "'scanflow runs resume {}'",
                    message, entry->run.id())
              : fmt::format(
                    "the run cannot begin, since its events cannot be stored: {}\n"
                    "nothing was run",
                    message);
    entry->run.tell({{"type", "rejected"}, {"exit", 3}, {"message", why}});
  }
}

void Engine::Impl::arm_timer() {
  if (closing) return;
  std::int64_t wake_us = 0;
  for (const EntryPtr& entry : order) {
    if (entry->wake_us > 0 && (wake_us == 0 || entry->wake_us < wake_us)) wake_us = entry->wake_us;
  }
  if (wake_us == 0) return;
  const std::int64_t wait_us = std::max<std::int64_t>(0, wake_us - wall_us());
  wake_timer.expires_after(std::chrono::microseconds(wait_us));
  wake_timer.async_wait([this](boost::system::error_code error) {
    if (error || closing) return;
    const std::int64_t now = wall_us();
    for (const EntryPtr& entry : order) {
      entry->changed = entry->changed || (entry->wake_us > 0 && entry->wake_us <= now);
    }
    pump();
    flush();
  });
}

}  // namespace scanflow::runtime
