// Requests for what is asked of objects of the engine's cluster.
#include <utility>

#include "engine/api/api_impl.hpp"
#include "engine/api/body.hpp"

namespace scanflow::api {

void Api::Impl::list_actions(const Request& request, const Segments&, const Reply& reply) {
  const auto limit = number_of(request, "limit", 1, kMostActions, 100);
  if (!limit) return reply(failed(limit.error()));
  ActionQuery query{request.parameter("kind"), request.parameter("namespace"),
                    request.parameter("name"), static_cast<std::size_t>(*limit),
                    request.parameter("cursor")};
  read(reply, [this, query = std::move(query)] { return shared.runs->actions(query); });
}

void Api::Impl::show_action(const Request&, const Segments& names, const Reply& reply) {
  read(reply, [this, id = names[0]] { return shared.runs->action(id); });
}

/// Answered once it is committed.
void Api::Impl::send_action(const Request& request, const Segments&, const Reply& reply) {
  const auto body = read_body(request, {{"id", json::value_t::string},
                                        {"object", json::value_t::string},
                                        {"namespace", json::value_t::string},
                                        {"primitive", json::value_t::string},
                                        {"arguments", json::value_t::object},
                                        {"deadline", json::value_t::string},
                                        {"dry_run", json::value_t::boolean},
                                        {"by", json::value_t::string}});
  if (!body) return reply(failed(body.error()));
  if (!body->contains("object") || !body->contains("primitive")) {
    return reply(refuse(400, 2,
                        R"(the body must be JSON: {"object": "KIND/NAME", "namespace": NAME, )"
                        R"("primitive": NAME, "arguments": {}, "deadline": "30s", "by": NAME})"));
  }
  auto asked = with_deadline(*body);
  if (!asked) return reply(failed(asked.error()));
  (*asked)["op"] = "act";
  if (!asked->contains("by")) (*asked)["by"] = "api";
  ask(
      *asked, [](const json& done) { return done.at("action"); }, reply);
}

}  // namespace scanflow::api
