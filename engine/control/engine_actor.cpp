#include "engine/control/engine_actor.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <chrono>
#include <utility>

#include "engine/backend/names.hpp"
#include "engine/http/client.hpp"
#include "engine/http/url.hpp"
#include "engine/pipeline/engine_primitives.hpp"
#include "engine/pipeline/reference.hpp"
#include "engine/pipeline/service_change.hpp"
#include "engine/pipeline/service_reader.hpp"
#include "engine/runtime/registry.hpp"
#include "engine/runtime/retried.hpp"
#include "engine/runtime/submission.hpp"
#include "engine/store/happenings.hpp"
#include "engine/store/store.hpp"
#include "engine/track/registered_models.hpp"
#include "engine/track/tracker.hpp"
#include "engine/worker/run_program.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/text.hpp"
#include "sdk/base/uuid.hpp"
#include "sdk/loader/schema.hpp"

namespace scanflow::control {
namespace {

constexpr std::chrono::seconds kNotifyWithin{30};
constexpr std::chrono::milliseconds kLookAgain{100};  // at an action that is under way
constexpr std::size_t kMostSaid = 2000;               // bytes of what a program or a web hook said

Outcome failed(std::string message) { return {"FAILED", std::move(message), json::object()}; }
Outcome done(json evidence = json::object()) { return {"DONE", "", std::move(evidence)}; }

std::string name_space_of(const Order& order) {
  return order.agent.substr(0, order.agent.find('/'));
}

/// The same each time, so that it is found again.
std::string run_id(const Order& order) {
  std::string digits;
  for (const char c : order.decision)
    if (c != '-' && digits.size() < 12) digits += c;
  std::int64_t ms = 0;  // of the decision
  std::from_chars(digits.data(), digits.data() + digits.size(), ms, 16);
  return uuid_v7(ms, order.id);
}

/// Of a command or an action, as the engine tells it; none: that is not the end of it.
std::optional<Outcome> outcome_of(const json& update, const char* field) {
  const std::string type = update.value("type", "");
  if (type == "rejected") return Outcome{"REJECTED", update.value("message", ""), json::object()};
  if (type != "done") return std::nullopt;  // "closing": it is asked again
  const json& said = update.at(field);
  const json& outcome = said.at("outcome");
  if (!outcome.is_string()) return std::nullopt;
  return Outcome{outcome, said.value("message", ""), said.value("evidence", json::object())};
}

/// "": they are right; defaults are filled in.
std::string wrong_arguments(const pipeline::EnginePrimitive& primitive, json& args) {
  const auto problems = loader::validate(json::parse(primitive.schema), args);
  if (problems.empty()) return {};
  return fmt::format("{}{}: {}", primitive.name, problems[0].pointer, problems[0].message);
}

std::string said_of(const std::string& text) {
  return valid_utf8(std::string(cut_utf8(text, kMostSaid)));
}

json words_of(const Order& order) {
  return {{"message", order.action.args.at("message")},
          {"agent", order.agent},
          {"rule", order.rule},
          {"decision", order.decision}};
}

Outcome post_to(const std::string& address, const std::string& body, const std::stop_token& stop) {
  const auto url = http::parse_url(address);
  if (!url || url->tls)
    return failed(
        fmt::format("'{}' is no address that can be told: http://HOST[:PORT]/...", address));
  auto client = http::Client::connect({url->host, url->port, nullptr, "", {}}, kNotifyWithin, stop);
  if (!client) return failed(fmt::format("{}: {}", address, client.error().message));
  http::Outgoing out{"POST", url->path.empty() ? "/" : url->path};
  out.headers = {{"Host", url->host + ":" + url->port}, {"Content-Type", "application/json"}};
  out.body = body;
  out.patience = kNotifyWithin;
  const auto head = (*client)->ask(out, stop);
  if (!head) return failed(fmt::format("{}: {}", address, head.error().message));
  if (head->status / 100 != 2)
    return failed(fmt::format("{} answered with {}", address, head->status));
  return done({{"status", head->status}});
}

}  // namespace

EngineActor::EngineActor(Options options, runtime::Engine& engine, Ledger& ledger)
    : options_(std::move(options)), ledger_(ledger), engine_(&engine) {}

EngineActor::~EngineActor() { forget_engine(); }

/// What is under way is asked again by the next one.
void EngineActor::forget_engine() {
  {
    const std::lock_guard lock(mutex_);
    engine_ = nullptr;
  }
  stop_.request_stop();
  pool_.join();
  tell_pool_.join();
}

void EngineActor::with(const std::function<void(runtime::Engine&)>& use) {
  const std::lock_guard lock(mutex_);
  if (engine_ != nullptr) use(*engine_);
}

/// Two who ask for the same are told of one. Null: it is under way already.
EngineActor::Then EngineActor::once(const Order& order, Then then) {
  const std::lock_guard lock(under_way_mutex_);
  std::vector<Then>& those = under_way_[order.id];
  those.push_back(std::move(then));
  if (those.size() > 1) return nullptr;
  return [this, id = order.id](const Outcome& outcome) {
    std::vector<Then> all;
    {
      const std::lock_guard held(under_way_mutex_);
      if (auto found = under_way_.extract(id); !found.empty()) all = std::move(found.mapped());
    }
    for (const Then& each : all) each(outcome);
  };
}

void EngineActor::act(const Order& order, std::function<void(Outcome)> asked) {
  const Then then = once(order, std::move(asked));
  if (!then) return;
  const json& target = order.action.target;
  for (const auto& [name, value] : target.items()) {
    if (!value.is_string())
      return then(failed(fmt::format("the target's '{}' is no text: {}", name, value.dump())));
  }
  if (target.contains("step")) return ask_step(order, then);
  if (target.contains("object")) return ask_object(order, then);
  if (target.contains("service")) return ask_service(order, then);
  act_on_engine(order, then);
}

void EngineActor::act_on_engine(const Order& order, const Then& then) {
  const std::string& name = order.action.primitive;
  const pipeline::EnginePrimitive* const primitive = pipeline::find_engine_primitive(name);
  if (primitive == nullptr) return then(failed(fmt::format("'{}' needs a target", name)));
  Order checked = order;
  if (const std::string wrong = wrong_arguments(*primitive, checked.action.args); !wrong.empty())
    return then(failed(wrong));
  if (name == "admit")
    return then(failed("admit is for rules on 'submit': nobody waits for it here"));
  if (name == "cancel_run") return cancel_run(checked, then);
  if (name == "hedge_step") return hedge_step(checked, then);
  if (name == "promote_model") return promote_model(checked, then);
  const bool waits = name == "notify";
  boost::asio::post(waits ? tell_pool_ : pool_, [this, checked, then, name] {
    if (stop_.stop_requested()) return;
    if (name == "run_pipeline") return run_pipeline(checked, then);
    if (name == "retry_step") return retry_step(checked, then);
    const Outcome outcome = name == "notify" ? notify(checked) : emit(checked);
    if (!stop_.stop_requested()) then(outcome);
  });
}

void EngineActor::run_pipeline(const Order& order, const Then& then) {
  auto reference = pipeline::parse_reference(order.action.args.at("pipeline").get<std::string>());
  if (!reference) return then(failed(reference.error().message));
  if (reference->name_space.empty()) reference->name_space = name_space_of(order);
  const auto store = store::Store::open_read_only(options_.state.root);
  if (!store) return then(failed(store.error().message));
  const auto document = runtime::find_document(
      store->get(), {"Pipeline", reference->name_space, reference->name, reference->version});
  if (!document) return then(failed(document.error().message));
  runtime::Submission submission;
  submission.run = run_id(order);
  runtime::take_registered(submission, *document);
  submission.caller_namespace = name_space_of(order);
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
    if (type == "accepted") then(done({{"run", run}}));
    if (type == "rejected") then(failed(update->value("message", "")));
    return false;
  };
  with([&](runtime::Engine& engine) {
    engine.submit(std::move(submission), std::move(prepared), std::move(client));
  });
}

void EngineActor::retry_step(const Order& order, const Then& then) {
  const std::string asked = order.action.args.at("run");
  const auto store = store::Store::open_read_only(options_.state.root);
  if (!store) return then(failed(store.error().message));
  const auto rows = (*store)->find_runs(asked);
  if (!rows || rows->size() != 1)
    return then(failed(rows ? fmt::format("there is no run '{}', or several begin so", asked)
                            : rows.error().message));
  const auto catalog = options_.catalog();
  if (!catalog) return then(failed("the plugins cannot be found"));
  auto retried = runtime::retry_of(**store, rows->front().id, order.action.args.value("step", ""),
                                   run_id(order), catalog);
  if (!retried) return then(failed(retried.error().message));
  retried->submission.trigger = store::trigger_of(order.agent, order.decision);
  retried->submission.caller_namespace = name_space_of(order);
  submit(std::move(retried->submission), std::move(retried->prepared), then);
}

void EngineActor::cancel_run(const Order& order, const Then& then) {
  runtime::Client client;
  client.listener = [then](const runtime::Update& update) {
    const std::string type = update->value("type", "");
    if (type == "done") then(done());
    if (type == "rejected") then(failed(update->value("message", "")));
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
  client.listener = [then](const runtime::Update& update) {
    const std::string type = update->value("type", "");
    if (type == "done")
      then(done({{"run", update->at("run")},
                 {"step", update->at("step")},
                 {"beside", update->at("beside")}}));
    if (type == "rejected") then(failed(update->value("message", "")));
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
                   then(answer ? done(request) : failed(answer.error().message));
                 });
  });
}

Outcome EngineActor::notify(const Order& order) {
  const json& args = order.action.args;
  if (args.contains("webhook")) {
    Outcome told = post_to(args.at("webhook"), words_of(order).dump(), stop_.get_token());
    if (told.outcome != "DONE" || !args.contains("program")) return told;
  }
  if (!args.contains("program"))
    return args.contains("webhook") ? done() : failed("it says neither webhook nor program");
  worker::Invocation command;
  command.argv = args.at("program").get<std::vector<std::string>>();
  command.input = words_of(order).dump() + "\n";
  command.deadline = kNotifyWithin;
  const auto ended = worker::run_program(command, stop_.get_token());
  if (!ended) return failed(valid_utf8(ended.error().message));
  if (ended->status != 0)
    return failed(
        fmt::format("{} ended with {}: {}", command.argv[0], ended->status, said_of(ended->err)));
  return done({{"said", said_of(ended->out)}});
}

Outcome EngineActor::emit(const Order& order) {
  const std::string type = order.action.args.at("type");
  if (is_of_engine(type))
    return failed(fmt::format("events '{}' are told by the engine alone", type));
  Happening happening;
  happening.type = order.action.args.at("type");
  happening.source = order.agent;
  happening.time_us = wall_us();
  happening.depth = order.depth;
  happening.payload = order.action.args.value("payload", json::object());
  happening.origin = order.id;
  const auto seq = ledger_.add(happening);
  if (!seq) return failed(seq.error().message);
  return done({{"seq", *seq}});
}

void EngineActor::ask_service(const Order& order, const Then& then) {
  const std::string& name = order.action.primitive;
  const pipeline::EnginePrimitive* const primitive = pipeline::find_service_primitive(name);
  if (primitive == nullptr)
    return then(failed(fmt::format("'{}' is no primitive of a service", name)));
  Order checked = order;
  if (const std::string wrong = wrong_arguments(*primitive, checked.action.args); !wrong.empty())
    return then(failed(wrong));
  boost::asio::post(pool_, [this, checked, then] {
    if (stop_.stop_requested()) return;
    const Outcome outcome = change_service(checked);
    if (!stop_.stop_requested()) then(outcome);
  });
}

/// Recorded: whoever serves it follows (engine/services).
Outcome EngineActor::change_service(const Order& order) {
  const std::lock_guard lock(
      changing_mutex_);  // one after the other: each sees what the last one has left
  auto name = pipeline::parse_reference(order.action.target.at("service").get<std::string>());
  if (!name) return failed(name.error().message);
  if (name->name_space.empty()) name->name_space = name_space_of(order);
  const auto store = store::Store::open_read_only(options_.state.root);
  if (!store) return failed(store.error().message);
  const auto document = runtime::find_document(
      store->get(), {"InferenceService", name->name_space, name->name, std::nullopt});
  if (!document) return failed(document.error().message);
  const auto catalog = options_.catalog();
  if (!catalog) return failed("the plugins cannot be found");
  const auto read =
      pipeline::read_service(document->file, document->source, *catalog, document->name_space);
  if (!read.service) return failed(pipeline::render(read.errors, document->source));
  const std::string key = pipeline::kept_as(document->name_space, document->name);
  const auto kept = (*store)->kept(key);
  if (!kept) return failed(kept.error().message);
  auto change = pipeline::service_change_from_json(json::parse(kept->value_or(""), nullptr, false));
  if (change.version != document->version) change = {document->version, {}, {}};
  const json& args = order.action.args;
  const auto changed = order.action.primitive == "scale"
                           ? pipeline::scale_service(change, args)
                           : pipeline::set_service_traffic(change, *read.service, args);
  if (!changed) return failed(changed.error().message);
  for (const json& each : args.value("versions", json::array())) {
    const std::string model = each.at("model");
    if (!track::is_registered(model)) continue;
    const store::Artifacts artifacts(options_.state.artifacts());
    if (const auto found = track::find_registered(store->get(), artifacts, model); !found)
      return failed(found.error().message);
  }
  Result<void> written = fail("the engine ends");
  // The engine's own store, for as long as it is there: it is not told to end within this.
  runtime::Engine* engine = nullptr;
  with([&](runtime::Engine& there) { engine = &there; });
  if (engine != nullptr) written = engine->store()->keep(key, to_json(change).dump());
  if (!written) return failed(written.error().message);
  return done({{"service", document->name_space + "/" + document->name},
               {"version", document->version},
               {"change", to_json(change)}});
}

void EngineActor::ask_step(const Order& order, const Then& then) {
  runtime::PrimitiveRequest request;
  request.id = order.id;
  request.run = order.action.target.value("run", "");
  request.step = order.action.target.value("step", "");
  request.primitive = order.action.primitive;
  request.arguments = order.action.args.dump();
  request.by = "agent " + order.agent;
  runtime::Client client;
  client.listener = [then](const runtime::Update& update) {
    const auto outcome = outcome_of(*update, "command");
    if (outcome) then(*outcome);
    return !outcome;
  };
  with([&](runtime::Engine& engine) { engine.primitive(std::move(request), std::move(client)); });
}

void EngineActor::ask_object(const Order& order, const Then& then) {
  runtime::ActionRequest request;
  request.id = order.id;
  request.object = order.action.target.value("object", "");
  request.name_space = order.action.target.value("namespace", "");
  request.primitive = order.action.primitive;
  request.arguments = order.action.args;
  request.by = "agent " + order.agent;
  runtime::Client client;
  // It is answered once it is recorded: what becomes of it is asked for, under the same id.
  client.listener = [this, order, then](const runtime::Update& update) {
    const auto outcome = outcome_of(*update, "action");
    if (outcome)
      then(*outcome);
    else if (update->value("type", "") == "done")
      ask_object_later(order, then);
    return false;
  };
  with([&](runtime::Engine& engine) { engine.act(std::move(request), std::move(client)); });
}

void EngineActor::ask_object_later(const Order& order, const Then& then) {
  const auto timer = std::make_shared<boost::asio::steady_timer>(pool_.get_executor(), kLookAgain);
  timer->async_wait([this, timer, order, then](const boost::system::error_code&) {
    if (!stop_.stop_requested()) ask_object(order, then);
  });
}

}  // namespace scanflow::control
