#include "engine/api/scheduler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "engine/backend/names.hpp"
#include "engine/runtime/registry.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/utc.hpp"

namespace scanflow::api {
namespace {

/// How long it takes, at most, until a pipeline that was applied or deleted is noticed, or that the
/// clock was set: a look at what is registered costs less than a millisecond.
constexpr std::int64_t kLookUs = 1'000'000;
/// What cannot be run by its schedule is looked at again.
constexpr std::int64_t kReadAgainUs = 30'000'000;

}  // namespace

Result<std::unique_ptr<Scheduler>> Scheduler::start(Options options, runtime::Engine& engine) {
  auto store = store::Store::open_read_only(options.state.root);
  if (!store) return tl::unexpected(store.error());
  auto fired = (*store)->last_firings();
  if (!fired) return tl::unexpected(fired.error());
  return std::unique_ptr<Scheduler>(
      new Scheduler(std::move(options), engine, std::move(*store), std::move(*fired)));
}

Scheduler::Scheduler(Options options, runtime::Engine& engine, std::unique_ptr<store::Store> store,
                     std::map<std::string, store::Firing> fired)
    : options_(std::move(options)),
      engine_(engine),
      store_(std::move(store)),
      fired_(std::move(fired)),
      thread_([this] { loop(); }) {}

Scheduler::~Scheduler() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Scheduler::loop() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    lock.unlock();
    const std::int64_t now_us = wall_us();
    const std::int64_t wake_us = std::min(look(now_us), now_us + kLookUs);
    lock.lock();
    changed_.wait_for(lock,
                      std::chrono::microseconds(std::max<std::int64_t>(wake_us - wall_us(), 0)),
                      [this] { return ending_; });
  }
}

std::int64_t Scheduler::look(std::int64_t now_us) {
  read_registry();
  std::int64_t wake_us = now_us + kLookUs;
  for (auto& [name, known] : known_) {
    if (!known.scheduled.fires()) continue;
    const schedule::Schedule& schedule = *known.scheduled.schedule;
    for (const std::int64_t time_us :
         schedule::due(schedule, known.scheduled.policy, known.since_us, now_us))
      fire(known, time_us);
    known.since_us = std::max(known.since_us, now_us);
    if (const auto next = schedule::next_after(schedule, now_us))
      wake_us = std::min(wake_us, *next);
  }
  return wake_us;
}

void Scheduler::read_registry() {
  const auto entries = store_->documents("Pipeline");
  if (!entries)
    return options_.log("cannot read the registered pipelines: " + entries.error().message);
  std::set<std::string> there;
  std::shared_ptr<const loader::Catalog> catalog;
  for (const store::DocumentEntry& entry : *entries) {
    const store::Document& newest = entry.newest;
    const std::string name = newest.name_space + "/" + newest.name;
    there.insert(name);
    const auto known = known_.find(name);
    const bool same = known != known_.end() && known->second.version == newest.version;
    // What was wrong may have been mended elsewhere: a plugin, or what it calls.
    if (same && (known->second.scheduled.problem.empty() ||
                 wall_us() - known->second.read_us < kReadAgainUs)) {
      continue;
    }
    auto document = store_->document(newest.kind, newest.name_space, newest.name, newest.version);
    if (!catalog) catalog = options_.catalog();
    if (!document || !*document || !catalog) continue;  // the next look may have it
    Known read{newest.version, read_scheduled(std::move(**document), *catalog, *store_),
               newest.created_us, wall_us()};
    // What fired before it was applied belongs to the versions before.
    if (const auto last = fired_.find(name); last != fired_.end())
      read.since_us = std::max(read.since_us, last->second.time_us);
    if (!read.scheduled.problem.empty() &&
        !(same && known->second.scheduled.problem == read.scheduled.problem)) {
      options_.log(fmt::format("{}@{} cannot be run by a schedule:\n{}", name, newest.version,
                               read.scheduled.problem));
    }
    known_[name] = std::move(read);
  }
  std::erase_if(known_, [&](const auto& each) { return !there.contains(each.first); });
}

void Scheduler::fire(const Known& known, std::int64_t time_us) {
  runtime::Submission submission = firing_of(known.scheduled, time_us);
  // What cannot be found is told when the run is rejected.
  if (const auto catalog = options_.catalog())
    (void)runtime::collect_sources(submission, *catalog, runtime::find_in(store_.get()));
  submission.options.jobs = backend::default_jobs(submission.options.backend, options_.jobs);
  submission.options.plugin_dirs = options_.plugin_dirs;
  submission.options.directory = options_.state.root.string();
  submission.options.env = runtime::referenced_environment(submission.source);
  runtime::Client client;
  client.every_event = false;
  client.environment = runtime::own_environment();
  const store::Document& document = known.scheduled.document;
  const store::FiringRow row{document.name_space, document.name, {time_us, ""}};
  // This scheduler may have ended by then; the engine has not.
  client.listener = [&engine = engine_, log = options_.log, row, time = utc_text(time_us),
                     run = submission.run,
                     name = fmt::format("{}@{}", known.scheduled.name(), known.version)](
                        const runtime::Update& update) {
    const std::string type = update->value("type", "");
    if (type == "accepted")
      log(fmt::format("schedule of {} fired for {}: run {}", name, time, run));
    if (type == "rejected") {
      store::FiringRow refused = row;
      refused.firing.problem = update->value("message", "");
      log(fmt::format("schedule of {} fired for {}, but nothing is run: {}", name, time,
                      refused.firing.problem));
      engine.record(std::move(refused));
    }
    return false;
  };
  engine_.submit(std::move(submission), std::nullopt, std::move(client));
}

}  // namespace scanflow::api
