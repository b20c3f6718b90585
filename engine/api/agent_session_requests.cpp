// What processes that run agents ask of their server (control/agent_sessions.hpp).
#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <chrono>
#include <memory>

#include "engine/api/api_impl.hpp"
#include "engine/api/body.hpp"

namespace scanflow::api {
namespace {

/// A process that waits for news says something at least that often: its lease is kept by that.
constexpr std::chrono::milliseconds kNewsPatience{3000};
/// As long as its rules have not begun, so that it is known when they have.
constexpr std::chrono::milliseconds kFirstPatience{50};

tl::unexpected<Failure> failure_of(const control::Refusal& refusal) {
  using Why = control::Refusal::Why;
  const std::string& message = refusal.message;
  switch (refusal.why) {
    case Why::unknown:
      return missing(message);
    case Why::in_server:
      return tl::unexpected(Failure{422, 2, message});
    case Why::held:
      return tl::unexpected(Failure{423, 2, message});
    case Why::stale:
      return tl::unexpected(Failure{409, 2, message});
    case Why::wrong:
      return tl::unexpected(Failure{400, 2, message});
    case Why::not_yet:
      return broken(message);
    case Why::broken:
      break;
  }
  return tl::unexpected(Failure{500, 3, message});
}

Answer<json> session_answer(control::Allowed<json> allowed) {
  if (!allowed) return failure_of(allowed.error());
  return std::move(*allowed);
}

}  // namespace

void Api::Impl::begin_session(const Request& request, const Segments& names, const Reply& reply) {
  const auto body = read_body(
      request, {{"host", json::value_t::string}, {"pid", json::value_t::number_unsigned}});
  if (!body) return reply(failed(body.error()));
  with_agents(reply, [this, reply, names, who = *body](control::Agents& there) {
    read(reply, [&there, names, who]() -> Answer<json> {
      const auto sessions = there.sessions(names[0], names[1]);
      if (!sessions) return failure_of(sessions.error());
      return session_answer((*sessions)->open(who));
    });
  });
}

void Api::Impl::ask_session(const Request& request, const Segments& names, const Reply& reply) {
  if (auto bounded = check_nesting(request.body); !bounded) return reply(failed(bounded.error()));
  const json body = json::parse(request.body, nullptr, false);
  if (!body.is_object() || !body.value("op", json()).is_string())
    return reply(refuse(400, 2, R"(the body must be JSON: {"op": NAME, ...})"));
  with_agents(reply, [this, reply, names, body](control::Agents& there) {
    boost::asio::post(shared.pool, [this, &there, reply, names, body] {
      const auto answer = [reply](control::Allowed<json> allowed) {
        const auto answered = session_answer(std::move(allowed));
        reply(answered ? respond(200, *answered) : failed(answered.error()));
      };
      const auto sessions = there.sessions(names[0], names[1]);
      if (!sessions) return answer(tl::unexpected(sessions.error()));
      if (body.at("op") != "news") return answer((*sessions)->call(names[2], body));
      const std::uint64_t waiting = (*sessions)->news(names[2], body, answer);
      const bool begun = !body.value("rules", json::array()).empty();
      shared.http.post_at(
          std::chrono::steady_clock::now() + (begun ? kNewsPatience : kFirstPatience),
          [weak = std::weak_ptr(*sessions), waiting] {
            if (const auto still = weak.lock()) still->hush(waiting);
          });
    });
  });
}

void Api::Impl::end_session(const Request&, const Segments& names, const Reply& reply) {
  with_agents(reply, [this, reply, names](control::Agents& there) {
    read(reply, [&there, names]() -> Answer<json> {
      const auto sessions = there.sessions(names[0], names[1]);
      if (!sessions) return failure_of(sessions.error());
      return session_answer((*sessions)->close(names[2]));
    });
  });
}

}  // namespace scanflow::api
