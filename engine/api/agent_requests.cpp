// What the agents of this server do, and what people say to that.
#include <fmt/format.h>

#include <boost/asio/post.hpp>

#include "engine/api/api_impl.hpp"
#include "engine/api/body.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::api {
namespace {

constexpr std::uint64_t kMostDecisionsAtOnce = 1000;
constexpr std::uint64_t kMostRecordedSeconds = 31ull * 24 * 3600;

tl::unexpected<Failure> no_agent(const Segments& names) {
  return missing(fmt::format("there is no agent '{}/{}'", names[0], names[1]));
}

}  // namespace

void Api::Impl::list_agents(const Request&, const Segments&, const Reply& reply) {
  with_agents(reply, [this, reply](control::Agents& there) {
    read(reply, [&there]() -> Answer<json> { return json{{"agents", there.list()}}; });
  });
}

void Api::Impl::show_agent(const Request&, const Segments& names, const Reply& reply) {
  with_agents(reply, [this, reply, names](control::Agents& there) {
    read(reply, [&there, names]() -> Answer<json> {
      auto shown = there.show(names[0], names[1]);
      if (!shown) return no_agent(names);
      return std::move(*shown);
    });
  });
}

void Api::Impl::pause_agent(const Request& request, const Segments& names, const Reply& reply) {
  const auto body =
      read_body(request, {{"paused", json::value_t::boolean}, {"by", json::value_t::string}});
  if (!body) return reply(failed(body.error()));
  const bool paused = body->value("paused", true);
  const std::string by = body->value("by", "api");
  with_agents(reply, [this, reply, names, paused, by](control::Agents& there) {
    read(reply, [&there, names, paused, by]() -> Answer<json> {
      if (!there.show(names[0], names[1])) return no_agent(names);
      if (const auto done = there.pause(names[0], names[1], paused, by); !done)
        return tl::unexpected(Failure{409, 2, done.error().message});
      return json{{"namespace", names[0]}, {"name", names[1]}, {"paused", paused}};
    });
  });
}

void Api::Impl::list_decisions(const Request& request, const Segments&, const Reply& reply) {
  const auto limit = number_of(request, "limit", 1, kMostDecisionsAtOnce, 100);
  if (!limit) return reply(failed(limit.error()));
  const control::DecisionFilter filter{
      request.parameter("agent"), request.parameter("rule"), request.parameter("before"),
      request.parameter("open") == "true", static_cast<std::size_t>(*limit)};
  with_agents(reply, [this, reply, filter](control::Agents& there) {
    read(reply, [&there, filter]() -> Answer<json> {
      const auto all = there.decisions(filter);
      if (!all) return tl::unexpected(Failure{500, 3, all.error().message});
      json rows = json::array();
      for (const control::Decision& each : *all) rows.push_back(to_json(each));
      const bool more = all->size() == filter.limit;
      return json{{"decisions", std::move(rows)}, {"next", more ? json(all->back().id) : json()}};
    });
  });
}

void Api::Impl::answer_decision(const Request& request, const Segments& names, const Reply& reply) {
  const auto body =
      read_body(request, {{"approve", json::value_t::boolean}, {"by", json::value_t::string}});
  if (!body) return reply(failed(body.error()));
  if (!body->contains("approve"))
    return reply(refuse(400, 2, R"(the body must be JSON: {"approve": true, "by": NAME})"));
  const bool approve = body->at("approve");
  const std::string by = body->value("by", "api");
  with_agents(reply, [this, reply, id = names[0], approve, by](control::Agents& there) {
    read(reply, [&there, id, approve, by]() -> Answer<json> {
      const auto decision = there.answer(id, approve, by);
      if (!decision) return tl::unexpected(Failure{409, 2, decision.error().message});
      return json{{"id", decision->id}, {"approved", approve}};
    });
  });
}

void Api::Impl::decide_by_hand(const Request& request, const Segments&, const Reply& reply) {
  const auto body = read_body(request, {{"primitive", json::value_t::string},
                                        {"target", json::value_t::object},
                                        {"args", json::value_t::object},
                                        {"namespace", json::value_t::string},
                                        {"by", json::value_t::string}});
  if (!body) return reply(failed(body.error()));
  control::DecidedAction action{.primitive = body->value("primitive", ""),
                                .target = body->value("target", json::object()),
                                .args = body->value("args", json::object())};
  if (action.primitive.empty())
    return reply(refuse(400, 2, R"(the body must be JSON: {"primitive": NAME, "args": {}})"));
  const std::string name_space = body->value("namespace", "default"), by = body->value("by", "api");
  with_agents(reply, [this, reply, action, name_space, by](control::Agents& there) {
    boost::asio::post(shared.pool, [&there, reply, action, name_space, by] {
      const auto begun = there.send(
          name_space, action, by,
          [reply](const control::Decision& ended) { reply(respond(200, to_json(ended))); });
      if (!begun) reply(failed({503, 3, begun.error().message}));
    });
  });
}

void Api::Impl::record(const Request& request, const Segments&, const Reply& reply) {
  const auto seconds = number_of(request, "seconds", 1, kMostRecordedSeconds, 3600);
  if (!seconds) return reply(failed(seconds.error()));
  const std::int64_t since_us = wall_us() - static_cast<std::int64_t>(*seconds) * 1'000'000;
  with_agents(reply, [this, reply, since_us](control::Agents& there) {
    read(reply, [&there, since_us]() -> Answer<json> {
      const auto record = there.record(since_us);
      if (!record) return tl::unexpected(Failure{500, 3, record.error().message});
      json lines = json::array();
      for (const control::Recorded& each : *record) lines.push_back(to_json(each));
      return json{{"record", std::move(lines)}};
    });
  });
}

void Api::Impl::call_hook(const Request& request, const Segments& names, const Reply& reply) {
  control::HookCall call;
  call.path = names[0] + "/" + names[1];
  if (auto bounded = check_nesting(request.body); !bounded) return reply(failed(bounded.error()));
  call.body = request.body;
  call.signature = request.header("X-Hub-Signature-256");
  call.delivery = request.header("X-GitHub-Delivery");
  if (call.delivery.empty()) call.delivery = request.header("X-Delivery");
  if (call.body.size() > control::kMostHookBody)
    return reply(
        refuse(413, 2, fmt::format("the body has more than {} bytes", control::kMostHookBody)));
  with_agents(reply, [this, reply, call](control::Agents& there) {
    read(reply, [&there, call]() -> Answer<json> {
      const auto hooked = there.hook(call);
      if (!hooked) return tl::unexpected(Failure{503, 3, hooked.error().message});
      if (*hooked == control::Agents::Hooked::unknown)
        return missing(fmt::format("no rule waits for calls of '{}'", call.path));
      if (*hooked == control::Agents::Hooked::unsigned_)
        return tl::unexpected(
            Failure{401, 2,
                    "the call is not signed with the rule's secret: X-Hub-Signature-256: "
                    "sha256=HMAC of the body"});
      return json{{"path", call.path}, {"told", true}};
    });
  });
}

void Api::Impl::emit_event(const Request& request, const Segments&, const Reply& reply) {
  const auto body = read_body(request, {{"type", json::value_t::string},
                                        {"source", json::value_t::string},
                                        {"payload", json::value_t::object}});
  if (!body) return reply(failed(body.error()));
  control::Happening happening;
  happening.type = body->value("type", "");
  happening.source = body->value("source", "api");
  happening.payload = body->value("payload", json::object());
  if (happening.type.empty())
    return reply(refuse(400, 2, R"(the body must be JSON: {"type": NAME, "payload": {}})"));
  if (control::is_of_engine(happening.type))
    return reply(
        refuse(400, 2, fmt::format("events '{}' are told by the engine alone", happening.type)));
  with_agents(reply, [this, reply, happening](control::Agents& there) {
    read(reply, [&there, happening]() -> Answer<json> {
      const auto seq = there.emit(happening);
      if (!seq) return tl::unexpected(Failure{500, 3, seq.error().message});
      return json{{"seq", *seq}, {"type", happening.type}};
    });
  });
}

}  // namespace scanflow::api
