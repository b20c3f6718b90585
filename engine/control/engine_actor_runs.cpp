// Primitives of the engine itself: runs and models.
#include <fmt/format.h>

#include <charconv>

#include "engine/backend/names.hpp"
#include "engine/control/engine_actor.hpp"
#include "engine/pipeline/reference.hpp"
#include "engine/runtime/registry.hpp"
#include "engine/runtime/retried.hpp"
#include "engine/runtime/submission.hpp"
#include "engine/store/happenings.hpp"
#include "engine/store/store.hpp"
#include "engine/track/tracker.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::control {
namespace {

/// The same each time, so that it is found again.
std::string run_id(const Order& order) {
  std::string digits;
  for (const char c : order.decision)
    if (c != '-' && digits.size() < 12) digits += c;
  std::int64_t ms = 0;  // of the decision
  std::from_chars(digits.data(), digits.data() + digits.size(), ms, 16);
  return uuid_v7(ms, order.id);
}

}  // namespace

void EngineActor::run_pipeline(const Order& order, const Then& then) {
  auto reference = pipeline::parse_reference(order.action.args.at("pipeline").get<std::string>());
  if (!reference) return then(Outcome::failed(reference.error().message));
  if (reference->name_space.empty()) reference->name_space = order.name_space();
  const auto store = store::Store::open_read_only(options_.state.root);
  if (!store) return then(Outcome::failed(store.error().message));
  const auto document = runtime::find_document(
      store->get(), {"Pipeline", reference->name_space, reference->name, reference->version});
  if (!document) return then(Outcome::failed(document.error().message));
  runtime::Submission submission;
  submission.run = run_id(order);
  runtime::take_registered(submission, *document);
  submission.caller_namespace = order.name_space();
  submission.params = order.action.args.value("params", json::object());
  submission.trigger = store::trigger_of(order.agent, order.decision);
  if (const auto catalog = options_.catalog())
    (void)runtime::collect_sources(submission, *catalog, runtime::find_in(store->get()));
  submission.options.jobs = backend::default_jobs(submission.options.backend, options_.jobs);
  submission.options.plugin_dirs = options_.plugin_dirs;
  submission.options.directory = options_.state.root.string();
  submission.options.env = runtime::referenced_environment(submission.source);
  submit(std::move(submission), std::nullopt, then);
}

/// Done when it has begun.
void EngineActor::submit(runtime::Submission submission, std::optional<runtime::Prepared> prepared,
                         const Then& then) {
  runtime::Client client;
  client.every_event = false;
  client.environment = runtime::own_environment();
  client.listener = [then, run = submission.run](const runtime::Update& update) {
    const std::string type = update->value("type", "");
    if (type == "accepted") then(Outcome::done({{"run", run}}));
    if (type == "rejected") then(Outcome::failed(update->value("message", "")));
    return false;
  };
  with([&](runtime::Engine& engine) {
    engine.submit(std::move(submission), std::move(prepared), std::move(client));
  });
}

void EngineActor::retry_step(const Order& order, const Then& then) {
  const std::string asked = order.action.args.at("run");
  const auto store = store::Store::open_read_only(options_.state.root);
  if (!store) return then(Outcome::failed(store.error().message));
  const auto rows = (*store)->find_runs(asked);
  if (!rows || rows->size() != 1)
    return then(
        Outcome::failed(rows ? fmt::format("there is no run '{}', or several begin so", asked)
                             : rows.error().message));
  const auto catalog = options_.catalog();
  if (!catalog) return then(Outcome::failed("the plugins cannot be found"));
  auto retried = runtime::retry_of(**store, rows->front().id, order.action.args.value("step", ""),
                                   run_id(order), catalog);
  if (!retried) return then(Outcome::failed(retried.error().message));
  retried->submission.trigger = store::trigger_of(order.agent, order.decision);
  retried->submission.caller_namespace = order.name_space();
  submit(std::move(retried->submission), std::move(retried->prepared), then);
}

void EngineActor::cancel_run(const Order& order, const Then& then) {
  runtime::Client client;
  client.listener = [then](const runtime::Update& update) {
    const std::string type = update->value("type", "");
    if (type == "done") then(Outcome::done());
    if (type == "rejected") then(Outcome::failed(update->value("message", "")));
    return false;
  };
  with([&](runtime::Engine& engine) {
    engine.cancel(order.action.args.at("run"), std::move(client));
  });
}

void EngineActor::hedge_step(const Order& order, const Then& then) {
  const json& args = order.action.args;
  runtime::HedgeRequest request;
  request.run = args.at("run");
  request.step = args.at("step");
  request.by = store::trigger_of(order.agent, order.decision);
  request.reason = args.value("reason", order.action.reason);
  runtime::Client client;
  client.listener = [then, by_hand = order.agent.ends_with("/-")](const runtime::Update& update) {
    const std::string type = update->value("type", "");
    if (type == "done")
      then(Outcome::done({{"run", update->at("run")},
                          {"step", update->at("step")},
                          {"beside", update->at("beside")}}));
    if (type == "rejected") {
      // What a rule has seen running may have ended meanwhile: that keeps it from nothing else.
      const bool late = !by_hand && update->value("reason", "") == "conflict";
      Outcome outcome = Outcome::failed(update->value("message", ""));
      if (late) outcome.outcome = "DONE";
      then(std::move(outcome));
    }
    return false;
  };
  with([&](runtime::Engine& engine) { engine.hedge(std::move(request), std::move(client)); });
}

void EngineActor::promote_model(const Order& order, const Then& then) {
  const json& args = order.action.args;
  const json& version = args.at("version");
  const json request = {{"name", args.at("name")},
                        {"alias", args.at("alias")},
                        {"version", version.is_string() ? version : json(version.dump())}};
  const track::Endpoint* const endpoint = track::find_endpoint("POST", "registered-models/alias");
  json asked = request;
  asked[store::kDecisionField] = order.decision;
  with([&](runtime::Engine& engine) {
    engine.track(*endpoint->call, std::move(asked),
                 [then, request](track::Answer<std::string> answer) {
                   then(answer ? Outcome::done(request) : Outcome::failed(answer.error().message));
                 });
  });
}

}  // namespace scanflow::control
