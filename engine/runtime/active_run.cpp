#include "engine/runtime/active_run.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "engine/runtime/kept_result.hpp"
#include "sdk/base/digest.hpp"
#include "sidecar/protocol/gang.hpp"

namespace scanflow::runtime {
using run::Event;
using run::EventType;
using run::StepStatus;

ActiveRun::ActiveRun(std::string id, Submission submission, Prepared prepared,
                     std::int64_t created_us, Keep keep)
    : id_(std::move(id)),
      submission_(std::move(submission)),
      prepared_(std::move(prepared)),
      created_us_(created_us),
      machine_(prepared_.plan, std::hash<std::string>()(id_)),
      keep_(keep) {
  if (keep_ == Keep::in_store) digest_ = sha256_hex(submission_.source);
  know_steps();
}

std::optional<store::TrackedRow> ActiveRun::begins_to_log(const protocol::AttemptId& id) {
  const std::uint32_t step = index_of(id.step);
  if (step == run::kNoStep || !logging_.insert(id).second) return {};
  const run::StepState& state = machine_.step(step);
  const json config = state.resolved ? state.resolved->value("config", json::object())
                                     : machine_.spec_of(step).with;
  std::int64_t started_us = state.started_us;
  for (const run::InFlight& each : machine_.in_flight(step)) {
    if (each.attempt == id.attempt) started_us = each.started_us;
  }
  return store::TrackedRow{id_,        id.step,       id.attempt,
                           started_us, config.dump(), plan().params.dump()};
}

/// Those of the plan, and the instances that came with a for_each.
void ActiveRun::know_steps() {
  index_.grow(machine_.size(), identities());
  for (auto i = static_cast<std::uint32_t>(is_dirty_.size()); i < machine_.size(); ++i) {
    is_dirty_.push_back(true);
    dirty_.push_back(i);
  }
}

run::Event ActiveRun::created_event(bool queued) const {
  Event event;
  event.type = EventType::run_created;
  if (queued) event.status = run::RunStatus::queued;
  event.time_us = created_us_;
  json data = to_json(submission_);
  data["params"] = plan().params;
  data["axes"] = plan().axes;
  if (!plan().group.empty()) data["group"] = plan().group;
  data["pipeline"] = plan().pipeline->name;
  data["namespace"] = plan().pipeline->name_space;
  event.data = std::make_shared<const json>(std::move(data));
  return event;
}

void ActiveRun::apply(const Event& event, store::Batch& batch) {
  machine_.apply(event);
  record(event, batch);
}

void ActiveRun::record(const Event& event, store::Batch& batch) {
  if (event.type == EventType::run_ended) ended_us_ = event.time_us;
  if (event.type == EventType::step_expanded) know_steps();
  know_pod(event);
  know_hedge(event);
  if (keep_ == Keep::in_memory && !events_wanted_) {
    history_.push_back(event);
    return;
  }
  static const std::string kNone;
  const std::string& step = event.step == run::kNoStep ? kNone : machine_.planned(event.step).id;
  if (keep_ == Keep::in_memory) {
    history_.push_back(event);
  } else {
    run::append_text(event, step, batch.add_event(id_, ++seq_));
    if (event.step != run::kNoStep) touch(event.step);
    if (event.step == run::kNoStep) batch.runs.push_back(row());
  }
  if (!events_wanted_) return;
  will_say({{"type", "event"}, {"event", run::to_json(event, step)}, {"seq", seq_}});
  if (event.type != EventType::step_expanded) return;
  json added = json::array();
  const auto [first, count] = machine_.instances(event.step);
  for (std::uint32_t i = first; i < first + count; ++i) added.push_back(step_document(i));
  will_say({{"type", "steps"}, {"steps", std::move(added)}});
}

void ActiveRun::replay(const Event& event, std::int64_t seq) {
  machine_.apply(event);
  know_steps();
  seq_ = seq;
  if (event.type == EventType::run_ended) ended_us_ = event.time_us;
  know_pod(event);
  know_hedge(event);
  if (event.type != EventType::attempt_ended || event.step == run::kNoStep) return;
  if (!event.data) return;
  logs_ended(event.step, event.attempt, log_of(*event.data), event.data->value("ranks", json()));
}

void ActiveRun::flush_rows(store::Batch& batch) {
  if (keep_ == Keep::in_memory) return;
  for (const std::uint32_t step : dirty_) {
    is_dirty_[step] = false;
    batch.steps.push_back(step_row(step));
  }
  if (!dirty_.empty()) batch.runs.push_back(row());
  dirty_.clear();
}

void ActiveRun::touch(std::uint32_t step) {
  // The step whose for_each it came with may end with it.
  if (const std::uint32_t group = machine_.group(step); group != run::kNoStep) touch(group);
  if (is_dirty_[step]) return;
  is_dirty_[step] = true;
  dirty_.push_back(step);
}

void ActiveRun::add_client(Client client) {
  if (!client.listener ||
      !client.listener(std::make_shared<const json>(accepted(client.every_event))))
    return;
  listeners_.push_back({std::move(client.listener), taken_ + unsaid_.size()});
  if (client.every_event) want_events();
}

void ActiveRun::finish(CalledRuns called) {
  if (listeners_.empty()) return;
  RunFacts facts;
  facts.called = std::move(called);
  for (const pipeline::Step& step : plan().pipeline->steps) {
    if (step.allow_failure) facts.tolerated.insert(step.name);
  }
  std::vector<store::StepRow> rows;
  for (std::uint32_t i = 0; events_wanted_ && i < machine_.size(); ++i) {
    rows.push_back(step_row(i));
    const auto& result = machine_.step(i).result;
    if (result && result->contains("post_mortem"))
      facts.post_mortems[rows.back().id] = result->at("post_mortem");
    if (result && result->contains("ranks")) facts.ranks[rows.back().id] = result->at("ranks");
    if (const auto hedged = hedged_.find(i); hedged != hedged_.end())
      facts.hedged[rows.back().id] = hedged->second.document();
    if (json pod = pod_of(i, machine_.step(i).attempt); !pod.is_null())
      facts.pods[rows.back().id] = std::move(pod);
  }
  tell({{"type", "finished"}, {"result", result_document(row(), rows, facts)}});
}

void ActiveRun::tell(json update) {
  if (listeners_.empty()) return;
  tell(std::make_shared<const json>(std::move(update)), taken_ + unsaid_.size());
}

void ActiveRun::tell(const Update& update, std::uint64_t number) {
  std::erase_if(listeners_, [&](const Follower& follower) {
    return number >= follower.from && !follower.listener(update);
  });
}

void ActiveRun::set_waits(const std::string& why) {
  if (waits_ == why) return;
  waits_ = why;
  will_say({{"type", "waits"}, {"message", why}});
}

void ActiveRun::will_say(json update) {
  unsaid_.push_back(std::make_shared<const json>(std::move(update)));
}

ActiveRun::Unsaid ActiveRun::take_unsaid() {
  Unsaid unsaid{taken_, std::exchange(unsaid_, {})};
  taken_ += unsaid.updates.size();
  return unsaid;
}

void ActiveRun::say(const Unsaid& unsaid) {
  std::uint64_t number = unsaid.first;
  for (const Update& update : unsaid.updates) tell(update, number++);
}

void ActiveRun::know_pod(const Event& event) {
  if (event.type == EventType::attempt_placed) placed_[{event.step, event.attempt}] = event;
}

void ActiveRun::know_hedge(const Event& event) {
  if (event.type == EventType::attempt_started) {
    const std::vector<run::InFlight> attempts = machine_.in_flight(event.step);
    if (attempts.size() < 2 && !hedged_.contains(event.step)) return;
    const auto [known, fresh] = hedged_.try_emplace(event.step);
    if (fresh) known->second.started(attempts[0].attempt, attempts[0].started_us);
    known->second.started(event.attempt, event.time_us);
  } else if (event.type == EventType::attempt_ended) {
    if (const auto known = hedged_.find(event.step); known != hedged_.end())
      known->second.ended(event.attempt, event.time_us, std::string(pipeline::name(event.cause)));
  }
}

json ActiveRun::pod_of(std::uint32_t step, std::uint32_t attempt) const {
  const auto found = placed_.find({step, attempt});
  return found == placed_.end()
             ? json()
             : pod_document(run::to_json(found->second, machine_.planned(step).id));
}

void ActiveRun::started(const protocol::Started& started) {
  const protocol::Rank of = protocol::rank_of(started.id);
  const std::uint32_t step = index_of(of.gang.step);
  if (step == run::kNoStep) return;
  log_ended(step, started.id.attempt, of.rank, started.log);
}

void ActiveRun::logs_ended(std::uint32_t step, std::uint32_t attempt, const protocol::LogRange& log,
                           const json& ranks) {
  log_ended(step, attempt, 0, log);
  for (const json& rank : ranks) log_ended(step, attempt, rank.at("rank"), log_of(rank));
}

void ActiveRun::log_ended(std::uint32_t step, std::uint32_t attempt, std::uint32_t rank,
                          const protocol::LogRange& log) {
  if (log.segment.empty()) return;
  auto& logs = logs_[step];
  const auto known = std::find_if(logs.begin(), logs.end(), [&](const Log& each) {
    return each.attempt == attempt && each.rank == rank;
  });
  if (known == logs.end()) {
    logs.push_back({attempt, rank, log});
  } else {
    known->range = log;
  }
  touch(step);
}

std::uint32_t ActiveRun::index_of(const std::string& step_id) const {
  return index_.find(step_id, identities());
}

}  // namespace scanflow::runtime
