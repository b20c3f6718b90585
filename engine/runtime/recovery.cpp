// Runs that an earlier engine left unfinished: replayed from their events, attempts found again.
#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_set>
#include <utility>

#include "engine/runtime/engine_impl.hpp"
#include "engine/runtime/metric_answers.hpp"
#include "engine/runtime/secrets.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::runtime {
namespace {

using run::Event;
using run::EventType;

/// Called runs of one run that are looked at.
constexpr std::size_t kMostCalled = 100'000;

using Prepare = std::function<Result<Prepared>(const Submission&, const json& created)>;

Recovered read_run(const std::string& id, const EngineOptions& options,
                   const Prepare& prepare_again) {
  const auto rows = options.store->events(id);
  if (!rows) return {nullptr, rows.error().message};
  if (rows->empty())
    return {nullptr, fmt::format("no run {}: 'scanflow runs list' shows them", id)};
  try {
    const Event created = run::from_json(json::parse(rows->front().body));
    if (created.type != EventType::run_created || !created.data) {
      return {nullptr, fmt::format("run {}: its first event is {}, not its creation", id,
                                   run::name(created.type))};
    }
    Submission submission = submission_from_json(*created.data);
    auto prepared = prepare_again(submission, *created.data);
    if (!prepared) {
      return {nullptr, fmt::format("run {}: its recorded pipeline cannot run here any more:\n{}",
                                   id, prepared.error().message)};
    }
    auto entry = std::make_shared<Entry>(id, std::move(submission), std::move(*prepared),
                                         created.time_us, options);
    for (const store::EventRow& row : *rows) {
      const json document = json::parse(row.body);
      Event event = run::from_json(document);
      if (const auto step = document.find("step"); step != document.end()) {
        const auto& identity = step->get_ref<const std::string&>();
        event.step = entry->run.index_of(identity);
        if (event.step == run::kNoStep) {
          return {nullptr, fmt::format("run {}: event {} is about the unknown step {}", id, row.seq,
                                       identity)};
        }
      }
      entry->run.replay(event, row.seq);
    }
    return {entry, ""};
  } catch (const std::exception& error) {
    return {nullptr,
            fmt::format("run {}: its recorded events do not make a run: {}", id, error.what())};
  }
}

/// What expressions of steps to come may ask about. That there is none of it is no reason not to go on.
void remember_metrics(const Entry& entry, const EngineOptions& options, RecentMetrics& recent) {
  if (entry.run.machine().status() > run::RunStatus::running) return;
  auto logged = options.store->metrics(entry.run.id());
  if (logged) return remember(recent, *std::move(logged), wall_us());
  if (options.log) {
    options.log(fmt::format("run {}: expressions do not see what it logged before: {}",
                            entry.run.id(), logged.error().message));
  }
}

/// The secrets of what is still to be done that whoever goes on with the run does not have, or "".
/// Nothing of the run is lost by it: an attempt that needs them, started without, would be.
std::string secrets_lacking(const Entry& entry, const Environment& environment) {
  const run::Machine& machine = entry.run.machine();
  if (machine.status() > run::RunStatus::running) return {};
  std::set<const pipeline::Step*> open;
  for (std::uint32_t i = 0; i < machine.size(); ++i) {
    if (machine.step(i).status < run::StepStatus::succeeded) open.insert(&machine.spec_of(i));
  }
  const auto missing = missing_secrets(
      *entry.run.plan().pipeline, environment, entry.run.submission().options.directory,
      [&](const pipeline::Step& step) { return open.contains(&step); });
  if (missing.empty()) return {};
  return render_missing(
      missing, fmt::format("run {} stays as it is until it is resumed with them", entry.run.id()));
}

/// Prepares many runs: finds the plugins once for each search path, and reads each distinct text
/// once. [any-thread]
class SharedReading {
 public:
  using Discover =
      std::function<std::shared_ptr<const loader::Catalog>(const RunOptions&, std::string*)>;
  explicit SharedReading(Discover discover) : discover_(std::move(discover)) {}

  Result<Prepared> prepare(const Submission& submission, const json& created) {
    const auto catalog = once(catalogs_, json(submission.options.plugin_dirs).dump(), [&] {
      std::string problem;
      auto found = discover_(submission.options, &problem);
      return found ? CatalogResult(std::move(found)) : fail(problem);
    });
    if (!catalog) return tl::unexpected(catalog.error());
    const json text = {submission.options.plugin_dirs, submission.file, submission.source,
                       submission.sources};
    const auto pipeline =
        once(pipelines_, text.dump(), [&] { return read(submission, **catalog); });
    if (!pipeline) return tl::unexpected(pipeline.error());
    return runtime::prepare(submission, *pipeline, *catalog, &created);
  }

 private:
  using CatalogResult = Result<std::shared_ptr<const loader::Catalog>>;
  using PipelineResult = Result<std::shared_ptr<const pipeline::Pipeline>>;
  template <class Value>
  using Memory = std::map<std::string, std::shared_future<Value>>;

  /// Whoever asks first makes it; the others wait.
  template <class Value, class Make>
  Value once(Memory<Value>& memory, std::string key, const Make& make) {
    std::promise<Value> promise;
    std::shared_future<Value> known;
    {
      const std::lock_guard lock(mutex_);
      const auto [place, first] = memory.try_emplace(std::move(key));
      if (first) place->second = promise.get_future().share();
      if (!first) known = place->second;
    }
    if (known.valid()) return known.get();
    Value value = make();
    promise.set_value(value);
    return value;
  }

  Discover discover_;
  std::mutex mutex_;
  Memory<CatalogResult> catalogs_;
  Memory<PipelineResult> pipelines_;
};

/// Those that no unfinished run called: these find them again themselves.
std::vector<std::string> without_callers(const std::vector<store::RunRow>& rows) {
  std::unordered_set<std::string_view> unfinished;
  for (const store::RunRow& row : rows) unfinished.insert(row.id);
  std::vector<std::string> ids;
  for (const store::RunRow& row : rows) {
    if (!unfinished.contains(row.parent)) ids.push_back(row.id);
  }
  return ids;
}

/// Calls `work` with 0 to `count` - 1, on as many threads as there are processors.
void in_parallel(std::size_t count, const std::function<void(std::size_t)>& work) {
  boost::asio::thread_pool threads(std::max(1u, std::thread::hardware_concurrency()));
  for (std::size_t i = 0; i < count; ++i) boost::asio::post(threads, [&work, i] { work(i); });
  threads.join();
}

}  // namespace

void Engine::Impl::attach(const std::string& id, Client client) {
  if (const auto found = runs.find(id); found != runs.end()) {
    const auto listener = client.listener;
    const bool all = client.every_event;
    found->second->run.add_client(std::move(client));
    if (const std::string& why = found->second->run.waits(); listener && !why.empty())
      listener(std::make_shared<const json>(json{{"type", "waits"}, {"message", why}}));
    if (all && listener) tell_called(found->second, "", listener);
    return;
  }
  if (failed || closing || !options.store) {
    return refuse(client);
  }
  if (client.watches && look_on(id, client)) return;
  auto& waiting = recovering[id];
  waiting.push_back(std::move(client));
  if (waiting.size() > 1) return;
  recover(id, [this, id](const Recovered& recovered) {
    const std::vector<Client> listeners = std::exchange(recovering[id], {});
    recovering.erase(id);
    for (const Client& each : listeners) {
      if (failed || closing) {
        refuse(each);
        continue;
      }
      const std::string why =
          recovered.entry ? secrets_lacking(*recovered.entry, each.environment) : recovered.error;
      if (why.empty()) {
        adopt(recovered.entry, each);
      } else {
        each.listener(std::make_shared<const json>(
            json{{"type", "rejected"}, {"exit", recovered.entry ? 2 : 3}, {"message", why}}));
      }
    }
  });
}

/// A watcher never makes a run go on. False: the run is over, or its client has just come.
bool Engine::Impl::look_on(const std::string& id, const Client& client) {
  if (recovering.contains(id)) return false;
  if (const auto found = held.find(id); found != held.end() && is_expected(*found->second)) {
    found->second->run.add_client(client);
    return true;
  }
  const auto known = options.store->find_runs(id);
  if (!known || known->empty() || known->front().ended_us > 0) return false;
  client.listener(std::make_shared<const json>(
      json{{"type", "rejected"}, {"exit", 3}, {"message", interrupted(id)}}));
  return true;
}

void Engine::Impl::recover(const std::string& id, std::function<void(Recovered)> then) {
  if (held.contains(id)) {
    post([this, id, then = std::move(then)] {
      const auto found = held.extract(id);
      if (!found) return recover(id, then);
      then({found.mapped(), ""});
    });
    return;
  }
  work([this, id, then = std::move(then)]() mutable {
    Recovered recovered = read_run(
        id, options, [this](const Submission& submission, const json& created) -> Result<Prepared> {
          std::string problem;
          auto catalog = discover(submission.options, &problem);
          if (!catalog) return fail(problem);
          return prepare(submission, std::move(catalog), &created);
        });
    if (recovered.entry) remember_metrics(*recovered.entry, options, recent);
    post([recovered = std::move(recovered), then = std::move(then)] { then(recovered); });
  });
}

void Engine::Impl::recover_all(std::function<void(const Recovery&)> done) {
  if (failed || closing || !options.store) return;
  work([this, done = std::move(done)] {
    const auto rows = options.store->unfinished();
    Recovery recovery;
    if (!rows) recovery.problems.push_back(rows.error().message);
    const std::vector<std::string> ids = rows ? without_callers(*rows) : std::vector<std::string>();
    SharedReading reading([this](const RunOptions& run_options, std::string* error) {
      return discover(run_options, error);
    });
    const Prepare prepare_again = [&](const Submission& submission, const json& created) {
      return reading.prepare(submission, created);
    };
    std::vector<Recovered> found(ids.size());
    in_parallel(ids.size(), [&](std::size_t i) {
      found[i] = read_run(ids[i], options, prepare_again);
      if (found[i].entry) remember_metrics(*found[i].entry, options, recent);
    });
    post([this, done, recovery = std::move(recovery), found = std::move(found)]() mutable {
      adopt_all(std::move(found), std::move(recovery), done);
    });
  });
}

void Engine::Impl::adopt_all(std::vector<Recovered> found, Recovery recovery,
                             const std::function<void(const Recovery&)>& done) {
  if (failed || closing) return;
  Launches launches;
  for (Recovered& each : found) {
    if (!each.entry) {
      recovery.problems.push_back(std::move(each.error));
      continue;
    }
    if (runs.contains(each.entry->run.id())) continue;
    held.erase(each.entry->run.id());
    if (std::string why = secrets_lacking(*each.entry, own_environment); !why.empty()) {
      recovery.problems.push_back(std::move(why));
      each.entry = nullptr;
      continue;
    }
    set_environment(each.entry, own_environment);
    go_on_with(each.entry, launches);
    each.entry->changed = true;
    ++recovery.runs;
  }
  start_queued();  // only now is known which runs of a group go on
  for (auto& [backend, requests] : launches) backend->launch(std::move(requests));
  pump();
  flush();
  done(recovery);
}

void Engine::Impl::go_on_with(const EntryPtr& entry, Launches& launches) {
  const ActiveRun& run = entry->run;
  enter(entry);
  make_room(run.submission().options);
  // An attempt whose start was committed is launched again: a backend that has it adopts it, or
  // tells its result again; one that never got it starts it now. The first decision stops those
  // again that were to be stopped.
  forget_ended(entry);
  for (std::uint32_t i = 0; i < run.machine().size(); ++i) {
    for (const run::InFlight& each : run.machine().in_flight(i))
      launch(entry, i, each.attempt, launches);
  }
}

void Engine::Impl::adopt(const EntryPtr& entry, Client client) {
  ActiveRun& run = entry->run;
  if (const auto known = runs.find(run.id()); known != runs.end())
    return known->second->run.add_client(std::move(client));  // somebody else was faster
  set_environment(entry, std::move(client.environment));
  run.add_client(std::move(client));
  if (run.machine().status() > run::RunStatus::running) {  // it had ended: shown, not run
    forget_ended(entry);
    run.finish(called_by(*entry));
    return;
  }
  Launches launches;
  go_on_with(entry, launches);
  start_queued();
  for (auto& [backend, requests] : launches) backend->launch(std::move(requests));
  pump(entry);
  flush();
}

/// The backend may not have heard that their ends were committed. Those of runs that it called and
/// that are over are among them: nobody goes on with these.
void Engine::Impl::forget_ended(const EntryPtr& entry) {
  const ActiveRun& run = entry->run;
  std::vector<protocol::AttemptId> ended;
  if (!run.plan().pipeline->calls.empty()) add_ended_of_called(run.id(), ended);
  for (std::uint32_t i = 0; i < run.machine().size(); ++i) {
    const std::uint32_t attempts = run.machine().step(i).attempts;
    for (std::uint32_t attempt = 1; attempt <= attempts; ++attempt) {
      if (!run.machine().is_in_flight(i, attempt))
        ended.push_back({run.id(), run.machine().planned(i).id, attempt});
    }
  }
  backend_for(run.submission().options.backend)->forget(ended);
}

void Engine::Impl::add_ended_of_called(const std::string& caller,
                                       std::vector<protocol::AttemptId>& ended) const {
  const auto called = options.store->runs({.children_of = caller, .limit = kMostCalled});
  for (const store::RunRow& run : called.value_or(std::vector<store::RunRow>())) {
    if (run.ended_us == 0) continue;  // recovered with its caller
    const auto steps = options.store->steps(run.id);
    for (const store::StepRow& step : steps.value_or(std::vector<store::StepRow>())) {
      for (std::uint32_t attempt = 1; attempt <= step.attempts; ++attempt)
        ended.push_back({run.id, step.id, attempt});
    }
    add_ended_of_called(run.id, ended);
  }
}

}  // namespace scanflow::runtime
