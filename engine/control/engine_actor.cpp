#include "engine/control/engine_actor.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "engine/control/notify.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/loader/schema.hpp"

namespace scanflow::control {

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
      return then(
          Outcome::failed(fmt::format("the target's '{}' is no text: {}", name, value.dump())));
  }
  if (target.contains("step")) return ask_step(order, then);
  if (target.contains("object")) return ask_object(order, then);
  if (target.contains("service")) return ask_service(order, then);
  act_on_engine(order, then);
}

void EngineActor::act_on_engine(const Order& order, const Then& then) {
  const std::string& name = order.action.primitive;
  const pipeline::EnginePrimitive* const primitive = pipeline::find_engine_primitive(name);
  if (primitive == nullptr) return then(Outcome::failed(fmt::format("'{}' needs a target", name)));
  Order checked = order;
  if (const std::string wrong = wrong_arguments(*primitive, checked.action.args); !wrong.empty())
    return then(Outcome::failed(wrong));
  if (name == "admit")
    return then(Outcome::failed("admit is for rules on 'submit': nobody waits for it here"));
  if (name == "cancel_run") return cancel_run(checked, then);
  if (name == "hedge_step") return hedge_step(checked, then);
  if (name == "promote_model") return promote_model(checked, then);
  const bool waits = name == "notify";
  boost::asio::post(waits ? tell_pool_ : pool_, [this, checked, then, name] {
    if (stop_.stop_requested()) return;
    if (name == "run_pipeline") return run_pipeline(checked, then);
    if (name == "retry_step") return retry_step(checked, then);
    const Outcome outcome = name == "notify" ? notify(checked, stop_.get_token()) : emit(checked);
    if (!stop_.stop_requested()) then(outcome);
  });
}

Outcome EngineActor::emit(const Order& order) {
  const std::string type = order.action.args.at("type");
  if (is_of_engine(type))
    return Outcome::failed(fmt::format("events '{}' are told by the engine alone", type));
  Happening happening;
  happening.type = order.action.args.at("type");
  happening.source = order.agent;
  happening.time_us = wall_us();
  happening.depth = order.depth;
  happening.payload = order.action.args.value("payload", json::object());
  happening.origin = order.id;
  const auto seq = ledger_.add(happening);
  if (!seq) return Outcome::failed(seq.error().message);
  return Outcome::done({{"seq", *seq}});
}

/// "": they are right; defaults are filled in.
std::string EngineActor::wrong_arguments(const pipeline::EnginePrimitive& primitive, json& args) {
  const auto problems = loader::validate(json::parse(primitive.schema), args);
  if (problems.empty()) return {};
  return fmt::format("{}{}: {}", primitive.name, problems[0].pointer, problems[0].message);
}

}  // namespace scanflow::control
