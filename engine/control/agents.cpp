#include "engine/control/agents.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/asio/post.hpp>
#include <set>

#include "engine/pipeline/admission.hpp"
#include "engine/pipeline/agent_reader.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/text.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::control {
namespace {

constexpr std::chrono::milliseconds kLookAtAgents{500};
constexpr std::chrono::seconds kAdmitWithin{5};
constexpr std::int64_t kReadAgentAgainUs =
    10'000'000;  // one that cannot be read: its plugins may come

std::string name_of(const store::Document& document) {
  return document.name_space + "/" + document.name;
}

/// The last sample of each second; of long times of each of as many steps as may be.
void add_samples(const knowledge::Knowledge& recent, const json& what, std::int64_t since_us,
                 std::vector<Recorded>& record) {
  constexpr std::int64_t kSecond = 1'000'000;
  knowledge::RangeQuery query;
  query.name = what.at("name");
  for (const auto& [key, value] : what.value("labels", Labels()))
    query.labels.require(key, LabelSelector::Is::among, {value});
  query.from_us = since_us;
  query.to_us = wall_us();
  query.step_us = std::max(kSecond, (query.to_us - since_us) / knowledge::kMostPoints + 1);
  const auto range = recent.range(query);
  if (!range) return;
  for (const knowledge::Line& line : range->lines)
    for (const knowledge::Point& point : line.points)
      record.push_back({point.values.time_us, std::nullopt,
                        RecordedSample{query.name, line.labels, range->kind, point.values.last}});
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
  engine_->store()->on_happening({});
  if (thread_.joinable()) thread_.join();
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
    const std::lock_guard lock(mutex_);
    engine_ = nullptr;
  }
  const std::lock_guard alone(gate_);
  closed_ = true;
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
  {
    const std::lock_guard lock(mutex_);
    old = std::move(agents_[name]);
    if (spec) unwatch(name);
    if (!spec) {  // the version before goes on
      kept.runner = old.runner;
      kept.spec = old.spec;
    }
  }
  if (spec && old.runner) old.runner->end();  // before the next one begins
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
  options.watching = [this, name](const json& what, const AgentRunner::TakeSample& take) {
    const std::lock_guard lock(mutex_);
    if (engine_ == nullptr || what.at("source") != "samples") return;
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
  kept.runner = std::make_shared<AgentRunner>(std::move(options), ledger_, *actor_);
  options_.log(fmt::format("agent {}@{} looks after things", name, kept.version));
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

/// No samples come any more. Under the mutex.
void Agents::unwatch(const std::string& name) {
  watched_.erase(name);
  const auto watches = watches_.extract(name);
  if (engine_ == nullptr || watches.empty()) return;
  for (const std::uint64_t each : watches.mapped()) engine_->unwatch_samples(each);
}

void Agents::tell_all() {
  std::vector<std::shared_ptr<AgentRunner>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, kept] : agents_)
      if (kept.runner) all.push_back(kept.runner);
  }
  for (const auto& each : all) each->look();
}

std::shared_ptr<AgentRunner> Agents::runner_of(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = agents_.find(name);
  return found == agents_.end() ? nullptr : found->second.runner;
}

json Agents::describe(const std::string& name, const Kept& kept) const {
  const std::size_t slash = name.find('/');
  json row = {{"namespace", name.substr(0, slash)},
              {"name", name.substr(slash + 1)},
              {"version", kept.version},
              {"template", kept.template_},
              {"problem", kept.problem},
              {"rules", kept.runner ? kept.runner->rules() : json::array()}};
  const bool is_paused = paused_.contains(name);
  row["status"] = !kept.problem.empty() ? "failed" : is_paused ? "paused" : "active";
  if (is_paused) row["paused_by"] = paused_.at(name);
  return row;
}

json Agents::list() const {
  const std::lock_guard lock(mutex_);
  json rows = json::array();
  for (const auto& [name, kept] : agents_) rows.push_back(describe(name, kept));
  return rows;
}

std::optional<json> Agents::show(const std::string& name_space, const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = agents_.find(name_space + "/" + name);
  if (found == agents_.end()) return std::nullopt;
  return describe(found->first, found->second);
}

Result<std::vector<Decision>> Agents::decisions(const DecisionFilter& filter) const {
  return with_ledger([&] { return ledger_.decisions(filter); });
}

Result<Decision> Agents::answer(const std::string& id, bool approve, const std::string& by) {
  return with_ledger([&]() -> Result<Decision> {
    auto decision = ledger_.decision(id);
    if (!decision) return tl::unexpected(decision.error());
    if (!*decision) return fail(fmt::format("there is no decision '{}', or several begin so", id));
    const auto waited = ledger_.answer((*decision)->id, approve, by, wall_us());
    if (!waited) return tl::unexpected(waited.error());
    if (!*waited) {
      return fail(fmt::format("the decision {} does not wait for an approval: it is {}",
                              (*decision)->id, (*decision)->state));
    }
    if (const auto runner = runner_of((*decision)->agent)) runner->answered((*decision)->id);
    return std::move(**decision);
  });
}

Result<void> Agents::pause(const std::string& name_space, const std::string& name, bool paused,
                           const std::string& by) {
  const std::string whole = name_space + "/" + name;
  return with_ledger([&]() -> Result<void> {
    if (!runner_of(whole)) return fail(fmt::format("there is no agent '{}'", whole));
    if (auto kept = paused ? ledger_.pause(whole, by, wall_us()) : ledger_.resume(whole); !kept)
      return kept;
    const std::lock_guard lock(mutex_);
    if (paused)
      paused_[whole] = by;
    else
      paused_.erase(whole);
    const auto found = agents_.find(whole);
    if (found != agents_.end() && found->second.runner) found->second.runner->pause(paused);
    return {};
  });
}

Result<void> Agents::send(const std::string& name_space, DecidedAction action,
                          const std::string& by, std::function<void(const Decision&)> then) {
  Decision decision;
  decision.id = uuid_v7(wall_us() / 1000);
  decision.agent = name_space + "/-";
  decision.rule = "by hand";
  decision.time_us = wall_us();
  decision.mode = "act";
  decision.state = "acting";
  decision.by = by;
  decision.actions.push_back(std::move(action));
  const auto begun = with_ledger([&] { return ledger_.update(decision); });
  if (!begun) return begun;
  const Order order{decision.id + "-0", decision.actions[0], decision.agent,
                    decision.rule,      decision.id,         decision.depth};
  actor_->act(order, [this, decision, then = std::move(then)](Outcome outcome) mutable {
    DecidedAction& asked = decision.actions[0];
    asked.outcome = std::move(outcome.outcome);
    asked.message = std::move(outcome.message);
    asked.evidence = std::move(outcome.evidence);
    decision.state = asked.outcome == "DONE" ? "done" : "failed";
    if (decision.state == "failed") decision.reason = asked.message;
    decision.ended_us = wall_us();
    // Elsewhere: the engine must not wait for a commit of its own.
    boost::asio::post(writing_, [this, decision, then = std::move(then)] {
      if (const auto kept = with_ledger([&] { return ledger_.update(decision); }); !kept)
        options_.log(kept.error().message);
      then(decision);
    });
  });
  return {};
}

Result<Agents::Hooked> Agents::hook(const HookCall& call) {
  std::vector<json> waiting;  // configurations
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, kept] : agents_) {
      if (!kept.spec) continue;
      for (const pipeline::AgentRule& rule : kept.spec->rules)
        if (rule.on.uses == "webhook" && rule.on.with.value("path", "") == call.path)
          waiting.push_back(rule.on.with);
    }
  }
  if (waiting.empty()) return Hooked::unknown;
  // All who wait for it must know the secret: else one could be fired by somebody else's.
  for (const json& each : waiting) {
    const auto secret = hook_secret(each);
    if (!secret) {
      options_.log(fmt::format("webhook {}: {}", call.path, secret.error().message));
      return fail("the secret of its rule cannot be read; the server's log says why");
    }
    if (!is_signed(call, *secret)) return Hooked::unsigned_;
  }
  Happening happening;
  happening.type = hook_event(call.path);
  happening.source = "webhook";
  if (!call.delivery.empty()) happening.origin = "webhook " + call.path + " " + call.delivery;
  json body = json::parse(call.body, nullptr, false);
  happening.payload = {{"body", body.is_discarded() ? json(valid_utf8(call.body)) : body}};
  const auto told = emit(std::move(happening));
  if (!told) return tl::unexpected(told.error());
  return Hooked::told;
}

Result<std::vector<Recorded>> Agents::record(std::int64_t since_us) const {
  return with_ledger([&]() -> Result<std::vector<Recorded>> {
    const auto happened = ledger_.happenings_since(since_us);
    if (!happened) return tl::unexpected(happened.error());
    std::vector<Recorded> record;
    for (const Happening& each : *happened) record.push_back({each.time_us, each, std::nullopt});
    const runtime::Engine* engine = nullptr;  // there for as long as the ledger is used
    std::map<std::string, json> watched;      // two rules may watch the same
    {
      const std::lock_guard lock(mutex_);
      engine = engine_;
      for (const auto& [agent, all] : watched_)
        for (const json& what : all) watched.emplace(what.dump(), what);
    }
    const knowledge::Knowledge* const recent = engine == nullptr ? nullptr : engine->recent();
    for (const auto& [text, what] : watched)
      if (recent != nullptr) add_samples(*recent, what, since_us, record);
    std::stable_sort(record.begin(), record.end(),
                     [](const Recorded& a, const Recorded& b) { return a.time_us < b.time_us; });
    return record;
  });
}

Agents::Admission Agents::admit(const std::string& file, const std::string& source,
                                const std::string& name_space, const json& params) {
  Admission admission{source, {}, ""};
  std::map<std::string, std::shared_ptr<AgentRunner>> asked;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, kept] : agents_) {
      if (!kept.runner || !kept.spec) continue;
      const auto& rules = kept.spec->rules;
      if (std::any_of(rules.begin(), rules.end(),
                      [](const pipeline::AgentRule& rule) { return rule.on.uses == "submit"; }))
        asked[name] = kept.runner;
    }
  }
  for (const auto& [name, runner] : asked) {
    try {
      ask_to_admit(name, *runner, file, name_space, params, admission);
    } catch (const std::exception& error) {  // values that nobody expects: it may pass
      options_.log(fmt::format("agent {}: {}: {}", name, file, error.what()));
    }
    if (!admission.denied.empty()) break;
  }
  return admission;
}

void Agents::ask_to_admit(const std::string& name, AgentRunner& runner, const std::string& file,
                          const std::string& name_space, const json& params,
                          Admission& admission) const {
  // The next one sees what this one has changed.
  const auto request = pipeline::admission_request(file, admission.source, name_space, params);
  if (!request) return;  // what is wrong with it is said when it is read
  const auto actions = runner.admit(*request, kAdmitWithin);
  if (!actions) return options_.log(actions.error().message);
  for (const DecidedAction& each : *actions) {
    if (each.primitive != "admit") continue;
    admission.denied = each.args.value("deny", "");
    if (!admission.denied.empty()) {
      admission.denied = fmt::format("agent {}: {}", name, admission.denied);
      return;
    }
    auto changed = pipeline::admitted(file, admission.source, each.args);
    if (!changed) {
      options_.log(fmt::format("agent {}: {}: {}", name, file, changed.error().message));
      continue;
    }
    admission.source = std::move(*changed);
    admission.by.push_back(name);
  }
}

Result<std::int64_t> Agents::emit(Happening happening) {
  happening.time_us = wall_us();
  return with_ledger([&]() -> Result<std::int64_t> { return ledger_.add(happening); });
}

}  // namespace scanflow::control
