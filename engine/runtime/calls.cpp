// Steps that call a pipeline: the called one is a run of its own, with its own events; for the step
// it is the attempt. Its id follows from the attempt, so that a restart finds it again.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/pipeline/reference.hpp"
#include "engine/runtime/engine_impl.hpp"
#include "engine/runtime/retry.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::runtime {

using run::Event;
using run::EventType;

namespace {

std::string called_id(const protocol::AttemptId& attempt, std::int64_t started_us) {
  return uuid_v7(started_us / 1000,
                 fmt::format("{}\n{}\n{}", attempt.run, attempt.step, attempt.attempt));
}

/// Of a pipeline that was called by its name; 0: it is a file.
std::uint32_t registered_version(const std::string& file) {
  if (pipeline::names_file(file)) return 0;
  const auto reference = pipeline::parse_reference(file);
  return reference ? reference->version.value_or(0) : 0;
}

/// Where the run that a step calls begins again, as its caller is told by `from`; nothing: at its
/// beginning.
std::optional<std::string> begins_again(const std::string& from, const std::string& step) {
  if (from == step || from == step.substr(0, step.find('['))) return std::nullopt;
  return from.starts_with(step + "/") ? from.substr(step.size() + 1) : "";
}

/// Of a caller that repeats another run: what that one's step had called, with the same text and the
/// same parameters, is repeated in the same way.
void repeat(const store::Store& store, const std::string& run, const std::string& step,
            const std::string& from, const std::shared_ptr<const loader::Catalog>& catalog,
            Submission& submission) {
  const CalledRuns called = called_runs(store, run);
  const auto before = called.find(step);
  if (before == called.end()) return;
  const auto first = store.events(before->second, 0, 1);
  const auto steps = store.steps(before->second);
  if (!first || first->empty() || !steps) return;
  const json created = json::parse(first->front().body, nullptr, false);
  if (!created.is_object() || !created.contains("data")) return;
  const Submission was = submission_from_json(created["data"]);
  if (was.source != submission.source || was.params != submission.params) return;
  const auto whole = prepare(submission, catalog);
  const auto reuse = whole ? results_to_reuse(*whole->plan, *steps, from) : fail("");
  if (!reuse) return;  // all of it succeeded: then there was a reason to call it again
  submission.retry_of = before->second;
  submission.retry_from = from;
  submission.reuse = *reuse;
}

/// An update of the called run as one of its caller: its steps are steps of the calling step.
std::optional<json> nested(const std::string& step, const json& update) {
  const std::string type = update.value("type", "");
  const auto within = [&](const json& name) { return step + "/" + name.get<std::string>(); };
  json changed = update;
  if (type == "accepted" || type == "steps") {
    changed = {{"type", "steps"}, {"steps", update.at("steps")}};
    for (json& each : changed["steps"]) {
      each["name"] = within(each["name"]);
      each["needs"] = json::array();
      if (each.contains("instance_of")) each["instance_of"] = within(each["instance_of"]);
    }
  } else if (type == "event" && update.at("event").contains("step")) {
    changed.erase("seq");  // it counts the called run's events
    changed["event"]["step"] = within(update.at("event").at("step"));
  } else if (type == "progress" || type == "metric" || type == "primitive") {
    changed["step"] = within(update.at("step"));
  } else {
    return std::nullopt;
  }
  return changed;
}

}  // namespace

namespace {

/// Is all that the step needs as the run that is repeated has left it?
bool all_reused(const Entry& entry, std::uint32_t step) {
  const run::Machine& machine = entry.run.machine();
  if (step >= machine.plan().steps.size()) return false;  // of a for_each
  const auto needs = machine.plan().graph.needs(step);
  return std::all_of(needs.begin(), needs.end(), [&](graph::Node need) {
    const run::StepStatus at = machine.step(need).status;
    return at == run::StepStatus::cached || at == run::StepStatus::skipped;
  });
}

}  // namespace

void Engine::Impl::tell_called(const EntryPtr& entry, const std::string& within,
                               const std::function<bool(const Update&)>& listener) const {
  for (const auto& [step, called] : active_calls(entry)) {
    called->run.want_events();  // perhaps nobody did when it began
    if (auto steps = nested(within + step, called->run.accepted(true)))
      listener(std::make_shared<const json>(std::move(*steps)));
    tell_called(called, within + step + "/", listener);
  }
}

Client Engine::Impl::caller_of(const EntryPtr& entry, const std::string& step) const {
  Client client;
  client.listener = [weak = std::weak_ptr(entry), step](const Update& update) {
    const EntryPtr caller = weak.lock();
    if (!caller || caller->over) return false;
    if (auto changed = nested(step, *update)) caller->run.tell(std::move(*changed));
    return true;
  };
  client.every_event = entry->run.has_listeners();
  client.environment = entry->requests.environment();
  return client;
}

void Engine::Impl::call(const EntryPtr& entry, std::uint32_t step, std::uint32_t attempt) {
  const run::Machine& machine = entry->run.machine();
  const pipeline::Step& spec = machine.spec_of(step);
  const run::StepState& state = machine.step(step);
  const protocol::AttemptId id{entry->run.id(), machine.planned(step).id, attempt};
  Submission submission = entry->run.submission();
  submission.run = called_id(id, state.started_us);
  submission.caller = Caller{id.run, id.step, id.attempt};
  submission.caller_namespace = entry->run.plan().pipeline->name_space;
  submission.version = 0;
  submission.retry_of.clear();
  submission.retry_from.clear();
  submission.reuse = json::object();
  const auto& called = *entry->run.plan().pipeline->calls.at(spec.call);
  submission.file = called.file;
  submission.source = called.source;
  submission.name_space = called.name_space;
  submission.version = registered_version(called.file);
  submission.params = state.resolved ? state.resolved->at("config") : spec.with;
  if (runs.contains(submission.run)) return;  // adopted before its caller: its end will be told
  if (is_known(submission.run)) {
    recover(submission.run, [this, entry, id](const Recovered& recovered) {
      if (failed || closing || entry->over) return;
      if (!recovered.entry) return fail_call(id, "lost", recovered.error);
      if (recovered.entry->run.machine().status() > run::RunStatus::running)
        return end_call(id, recovered.entry->run.machine());
      adopt(recovered.entry, caller_of(entry, id.step));
      call_may_have_to_stop(entry, id);
    });
    return;
  }
  const Submission& own = entry->run.submission();
  std::optional<std::string> from;
  if (attempt == 1 && options.store && !own.retry_of.empty() && all_reused(*entry, step))
    from = begins_again(own.retry_from, id.step);
  work([this, entry, id, from, submission = std::move(submission),
        catalog = entry->run.prepared().catalog]() mutable {
    if (from) {
      repeat(*options.store, entry->run.submission().retry_of, id.step, *from, catalog, submission);
    }
    Result<Prepared> prepared = prepare(submission, std::move(catalog));
    post([this, entry, id, submission = std::move(submission),
          prepared = std::move(prepared)]() mutable {
      if (failed || closing || entry->over) return;
      start_call(entry, id, std::move(submission), std::move(prepared));
    });
  });
}

void Engine::Impl::start_call(const EntryPtr& entry, const protocol::AttemptId& id,
                              Submission submission, Result<Prepared> prepared) {
  const std::uint32_t step = entry->run.index_of(id.step);
  if (entry->run.machine().stopping(step, id.attempt) != run::Cause::none)
    return fail_call(id, "cancelled", "stopped before it started");
  if (!prepared) return fail_call(id, "config", prepared.error().message);
  if (runs.contains(submission.run)) return;
  const auto refusal =
      begin(std::move(submission), std::move(*prepared), caller_of(entry, id.step));
  if (refusal) fail_call(id, "config", refusal->message);
}

void Engine::Impl::stop_call(const EntryPtr& entry, std::uint32_t step, std::uint32_t attempt) {
  const protocol::AttemptId id{entry->run.id(), entry->run.machine().planned(step).id, attempt};
  const auto found = runs.find(called_id(id, entry->run.machine().step(step).started_us));
  if (found == runs.end() || found->second->over) return;  // about to start, or about to end
  Event event{
      .type = EventType::cancel_requested, .cause = run::Cause::cancelled, .time_us = wall_us()};
  found->second->run.apply(event, batch);
  pump(found->second);
  flush();
}

void Engine::Impl::call_may_have_to_stop(const EntryPtr& entry, const protocol::AttemptId& id) {
  const std::uint32_t step = entry->run.index_of(id.step);
  if (entry->run.machine().stopping(step, id.attempt) != run::Cause::none)
    stop_call(entry, step, id.attempt);
}

void Engine::Impl::call_ended(const EntryPtr& called) {
  const auto& caller = called->run.submission().caller;
  if (caller) end_call({caller->run, caller->step, caller->attempt}, called->run.machine());
}

void Engine::Impl::end_call(const protocol::AttemptId& id, const run::Machine& called) {
  protocol::Result result;
  result.id = id;
  json files = json::object();
  if (called.status() == run::RunStatus::succeeded) {
    result.status = "succeeded";
    if (const auto& conclusion = called.conclusion()) {
      result.outputs = conclusion->at("outputs").dump();
      files = conclusion->at("artifacts");
    }
  } else {
    const bool cancelled = called.status() == run::RunStatus::cancelled;
    result.status = cancelled ? "cancelled" : "failed";
    result.cause = cancelled ? "cancelled" : "error";
    result.message = called.summary();
    if (const auto& conclusion = called.conclusion())
      result.message += "\n" + conclusion->value("message", "");
  }
  end_attempt(result, std::move(files));
}

void Engine::Impl::fail_call(const protocol::AttemptId& id, const std::string& cause,
                             const std::string& message) {
  protocol::Result result;
  result.id = id;
  result.status = cause == "cancelled" ? "cancelled" : "failed";
  result.cause = cause;
  result.message = message;
  end_attempt(result, json::object());
}

void Engine::Impl::end_attempt(const protocol::Result& result, json files) {
  const auto found = runs.find(result.id.run);
  if (found == runs.end() || found->second->over) return;  // it will ask when it goes on
  const EntryPtr entry = found->second;
  const std::uint32_t step = entry->run.index_of(result.id.step);
  if (step == run::kNoStep) return;
  if (!entry->run.machine().is_in_flight(step, result.id.attempt)) return;
  attempt_ended(entry, step, result, std::move(files));
  pump(entry);
  flush();
}

}  // namespace scanflow::runtime
