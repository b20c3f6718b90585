#include "engine/control/agents.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <future>
#include <memory>
#include <set>

#include "engine/pipeline/agent_reader.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::control {
namespace {

constexpr std::chrono::milliseconds kLookAtAgents{500};
constexpr std::chrono::seconds kRunningWithin{5};
constexpr std::int64_t kReadAgentAgainUs =
    10'000'000;  // one that cannot be read: its plugins may come

std::string name_of(const store::Document& document) {
  return document.name_space + "/" + document.name;
}

}  // namespace

Result<std::unique_ptr<Agents>> Agents::start(Options options, runtime::Engine& engine) {
  auto store = store::Store::open_read_only(options.state.root);
  if (!store) return tl::unexpected(store.error());
  if (engine.store() == nullptr) return fail("agents need an engine that keeps its state");
  return std::unique_ptr<Agents>(new Agents(std::move(options), std::move(*store), engine));
}

Agents::Agents(Options options, std::unique_ptr<store::Store> store, runtime::Engine& engine)
    : options_(std::move(options)),
      store_(std::move(store)),
      ledger_(*engine.store()),
      engine_(&engine) {
  if (auto paused = ledger_.paused()) paused_ = std::move(*paused);
  actor_ = std::make_unique<EngineActor>(
      EngineActor::Options{options_.state, options_.jobs, options_.plugin_dirs, options_.catalog},
      engine, ledger_);
  engine.store()->on_happening([this] { tell_all(); });
  engine.on_submission([this](runtime::Submission& submission) { return admit(submission); });
  thread_ = std::thread([this] { loop(); });
}

Agents::~Agents() { forget_engine(); }

void Agents::forget_engine() {
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return;
    ending_ = true;
    changed_.notify_one();
  }
  engine_->on_submission({});
  engine_->store()->on_happening({});
  if (thread_.joinable()) thread_.join();
  { const std::lock_guard over(looking_); }  // whoever looked is done, and nobody does again
  std::map<std::string, Kept> agents;
  {
    const std::lock_guard lock(mutex_);
    agents.swap(agents_);
    for (auto& [name, kept] : agents) unwatch(name);
  }
  for (auto& [name, kept] : agents)
    if (kept.runner) kept.runner->end();
  actor_->forget_engine();
  writing_.join();
  {
    const std::lock_guard alone(gate_);  // whoever uses the ledger is done
    closed_ = true;
  }
  const std::lock_guard lock(mutex_);
  engine_ = nullptr;
}

void Agents::loop() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    lock.unlock();
    look();
    lock.lock();
    changed_.wait_for(lock, kLookAtAgents, [this] { return ending_; });
  }
}

void Agents::look() {
  const std::lock_guard looking(looking_);
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return;
  }
  const auto entries = store_->documents("Agent");
  if (!entries)
    return options_.log("cannot read the registered agents: " + entries.error().message);
  std::set<std::string> there;
  for (const store::DocumentEntry& entry : *entries) {
    there.insert(name_of(entry.newest));
    look_at(entry);
  }
  if (!std::exchange(looked_, true)) forget_those_not(there);
  std::vector<std::pair<std::string, Kept>> gone;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [name, kept] : agents_) {
      if (there.contains(name)) continue;
      unwatch(name);
      gone.emplace_back(name, std::move(kept));
    }
    for (const auto& [name, kept] : gone) {
      agents_.erase(name);
      paused_.erase(name);
    }
  }
  for (auto& [name, kept] : gone) {
    options_.log(fmt::format("agent {} ends: it was deleted", name));
    if (kept.runner) kept.runner->end();
    if (const auto forgotten = ledger_.forget(name, wall_us()); !forgotten)
      options_.log(forgotten.error().message);
  }
}

/// Deleted while no server was there.
void Agents::forget_those_not(const std::set<std::string>& there) {
  const auto all = ledger_.agents();
  if (!all) return options_.log(all.error().message);
  for (const std::string& each : *all) {
    if (there.contains(each)) continue;
    if (const auto forgotten = ledger_.forget(each, wall_us()); !forgotten)
      options_.log(forgotten.error().message);
    const std::lock_guard lock(mutex_);
    paused_.erase(each);
  }
}

void Agents::look_at(const store::DocumentEntry& entry) {
  const store::Document& newest = entry.newest;
  const std::string name = name_of(newest);
  std::string before;
  {
    const std::lock_guard lock(mutex_);
    const auto known = agents_.find(name);
    if (known != agents_.end() && known->second.version == newest.version &&
        (known->second.problem.empty() || monotonic_us() < known->second.again_us))
      return;
    if (known != agents_.end()) before = known->second.problem;
  }
  const auto document =
      store_->document(newest.kind, newest.name_space, newest.name, newest.version);
  const auto catalog = options_.catalog();
  Kept kept;
  kept.version = newest.version;
  kept.again_us = monotonic_us() + kReadAgentAgainUs;
  std::shared_ptr<const pipeline::AgentSpec> spec;
  if (!document || !*document || !catalog) {
    kept.problem = "its document, or its plugins, cannot be read";
  } else {
    auto read =
        pipeline::read_agent((*document)->file, (*document)->source, *catalog, newest.name_space);
    if (!read.agent) kept.problem = pipeline::render(read.errors, (*document)->source);
    spec = read.agent;
  }
  if (!kept.problem.empty() && kept.problem != before)
    options_.log(fmt::format("agent {}: {}", name, kept.problem));
  Kept old;
  bool stays = false;  // its process goes on, with the version before until it has begun this one
  {
    const std::lock_guard lock(mutex_);
    old = std::move(agents_[name]);
    stays = spec && spec->runs == pipeline::AgentRuns::process && old.sessions;
    if (spec && !stays) unwatch(name);
    if (!spec) {  // the version before goes on
      kept.runner = old.runner;
      kept.spec = old.spec;
    }
    kept.sessions = old.sessions;
  }
  if (spec && old.runner && !stays) old.runner->end();  // before the next one begins
  if (spec) begin(name, kept, spec, catalog);
  const std::lock_guard lock(mutex_);
  if (spec) kept.runner->pause(paused_.contains(name));  // it may have changed meanwhile
  agents_[name] = std::move(kept);
}

void Agents::begin(const std::string& name, Kept& kept,
                   std::shared_ptr<const pipeline::AgentSpec> spec,
                   std::shared_ptr<const loader::Catalog> catalog) {
  kept.template_ = spec->template_;
  kept.spec = spec;
  AgentRunner::Options options;
  options.spec = std::move(spec);
  options.catalog = std::move(catalog);
  options.worker = options_.worker;
  options.clock = wall_us;
  options.log = options_.log;
  options.metrics = [this](const pipeline::MetricQuery& query) -> Result<std::optional<double>> {
    const std::lock_guard lock(mutex_);
    if (engine_ == nullptr) return fail("the engine ends");
    return engine_->metric(query);
  };
  options.running = [this](const std::string& pipeline) { return ask_running(pipeline); };
  options.watching = [this, name](const json& what, const AgentRunner::TakeSample& take) {
    const std::lock_guard lock(mutex_);
    if (engine_ == nullptr) return;
    if (what.at("source") == "objects") object_watches_[name].push_back(objects_.watch(what, take));
    if (what.at("source") != "samples") return;
    watches_[name].push_back(
        engine_->watch_samples(what.at("name"), what.value("labels", Labels()), take));
    watched_[name].push_back(what);
  };
  options.others = [this](const std::string& rule, const std::vector<DecidedAction>& actions) {
    return contested(rule, actions);
  };
  {
    const std::lock_guard lock(mutex_);
    options.paused = paused_.contains(name);
  }
  if (kept.spec->runs == pipeline::AgentRuns::process)
    return begin_process(name, kept, std::move(options));
  kept.sessions = nullptr;
  kept.runner = std::make_shared<AgentRunner>(std::move(options), ledger_, *actor_);
  options_.log(fmt::format("agent {}@{} looks after things", name, kept.version));
}

/// It waits for the engine.
Result<json> Agents::ask_running(const std::string& pipeline) const {
  const auto told = std::make_shared<std::promise<Result<json>>>();
  runtime::Client client;
  client.listener = [told](const runtime::Update& update) {
    const bool done = update->value("type", "") == "done";
    told->set_value(done ? Result<json>(update->at("running"))
                         : fail(update->value("message", "the engine ends")));
    return false;
  };
  auto answer = told->get_future();
  {
    const std::lock_guard lock(mutex_);
    if (engine_ == nullptr) return fail("the engine ends");
    engine_->running(pipeline, std::move(client));
  }
  if (answer.wait_for(kRunningWithin) != std::future_status::ready)
    return fail("the engine does not say it in time");
  return answer.get();
}

/// Of whom others undo the work, and who undoes theirs: held, and told as an event (agents.contest).
std::string Agents::contested(const std::string& rule, const std::vector<DecidedAction>& actions) {
  const std::int64_t now_us = wall_us();
  std::optional<Contests::Contest> begun;
  {
    const std::lock_guard lock(contests_mutex_);
    if (std::string held = contests_.why_not(rule, actions, now_us); !held.empty()) return held;
    begun = contests_.note(rule, actions, now_us);
  }
  if (!begun) return {};
  options_.log(fmt::format("{} is contested: {} undo each other's work, and are held",
                           begun->subject, fmt::join(begun->rules, " and ")));
  Happening happening;
  happening.type = "agents.contest";
  happening.source = "engine";
  happening.payload = {
      {"subject", begun->subject}, {"rules", begun->rules}, {"until_us", begun->until_us}};
  if (const auto told = emit(std::move(happening)); !told) options_.log(told.error().message);
  return {};
}

/// No samples come any more, and nothing of objects. Under the mutex.
void Agents::unwatch(const std::string& name) {
  watched_.erase(name);
  if (const auto objects = object_watches_.extract(name); !objects.empty())
    for (const std::uint64_t each : objects.mapped()) objects_.unwatch(each);
  const auto watches = watches_.extract(name);
  if (engine_ == nullptr || watches.empty()) return;
  for (const std::uint64_t each : watches.mapped()) engine_->unwatch_samples(each);
}

void Agents::tell_all() {
  std::vector<std::shared_ptr<RunningAgent>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, kept] : agents_)
      if (kept.runner) all.push_back(kept.runner);
  }
  for (const auto& each : all) each->look();
}

}  // namespace scanflow::control
