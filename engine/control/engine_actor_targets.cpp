// Primitives of services, of steps that run, and of a cluster's objects.
#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "engine/control/engine_actor.hpp"
#include "engine/pipeline/engine_primitives.hpp"
#include "engine/pipeline/reference.hpp"
#include "engine/pipeline/service_change.hpp"
#include "engine/pipeline/service_reader.hpp"
#include "engine/runtime/registry.hpp"
#include "engine/store/store.hpp"
#include "engine/track/registered_models.hpp"

namespace scanflow::control {
namespace {

constexpr std::chrono::milliseconds kLookAgain{100};  // at an action that is under way

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

}  // namespace

void EngineActor::ask_service(const Order& order, const Then& then) {
  const std::string& name = order.action.primitive;
  const pipeline::EnginePrimitive* const primitive = pipeline::find_service_primitive(name);
  if (primitive == nullptr)
    return then(Outcome::failed(fmt::format("'{}' is no primitive of a service", name)));
  Order checked = order;
  if (const std::string wrong = wrong_arguments(*primitive, checked.action.args); !wrong.empty())
    return then(Outcome::failed(wrong));
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
  if (!name) return Outcome::failed(name.error().message);
  if (name->name_space.empty()) name->name_space = order.name_space();
  const auto store = store::Store::open_read_only(options_.state.root);
  if (!store) return Outcome::failed(store.error().message);
  const auto document = runtime::find_document(
      store->get(), {"InferenceService", name->name_space, name->name, std::nullopt});
  if (!document) return Outcome::failed(document.error().message);
  const auto catalog = options_.catalog();
  if (!catalog) return Outcome::failed("the plugins cannot be found");
  const auto read =
      pipeline::read_service(document->file, document->source, *catalog, document->name_space);
  if (!read.service) return Outcome::failed(pipeline::render(read.errors, document->source));
  const std::string key = pipeline::kept_as(document->name_space, document->name);
  const auto kept = (*store)->kept(key);
  if (!kept) return Outcome::failed(kept.error().message);
  auto change = pipeline::service_change_from_json(json::parse(kept->value_or(""), nullptr, false));
  if (change.version != document->version) change = {document->version, {}, {}};
  const json& args = order.action.args;
  const auto changed = order.action.primitive == "scale"
                           ? pipeline::scale_service(change, args)
                           : pipeline::set_service_traffic(change, *read.service, args);
  if (!changed) return Outcome::failed(changed.error().message);
  for (const json& each : args.value("versions", json::array())) {
    const std::string model = each.at("model");
    if (!track::is_registered(model)) continue;
    const store::Artifacts artifacts(options_.state.artifacts());
    if (const auto found = track::find_registered(store->get(), artifacts, model); !found)
      return Outcome::failed(found.error().message);
  }
  Result<void> written = fail("the engine ends");
  // The engine's own store, for as long as it is there: it is not told to end within this.
  runtime::Engine* engine = nullptr;
  with([&](runtime::Engine& there) { engine = &there; });
  if (engine != nullptr) written = engine->store()->keep(key, to_json(change).dump());
  if (!written) return Outcome::failed(written.error().message);
  return Outcome::done({{"service", document->name_space + "/" + document->name},
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
