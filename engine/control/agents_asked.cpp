// What agents are asked for: decisions and answers, pauses, events, calls, records, admission.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <map>

#include "engine/control/agents.hpp"
#include "engine/pipeline/admission.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/text.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::control {
namespace {

constexpr std::chrono::seconds kAdmitWithin{5};

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
  if (auto begun = with_ledger([&] { return ledger_.update(decision); }); !begun) return begun;
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
  Admission admission{source, ""};
  std::map<std::string, std::shared_ptr<RunningAgent>> asked;
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

void Agents::ask_to_admit(const std::string& name, RunningAgent& runner, const std::string& file,
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
  }
}

Result<std::int64_t> Agents::emit(Happening happening) {
  happening.time_us = wall_us();
  return with_ledger([&]() -> Result<std::int64_t> { return ledger_.add(happening); });
}

}  // namespace scanflow::control
