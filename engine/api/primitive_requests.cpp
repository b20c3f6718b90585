// Requests for what is asked of running steps, and for what runs.
#include <utility>

#include "engine/api/api_impl.hpp"
#include "engine/api/body.hpp"
#include "engine/orchestrate/primitive.hpp"
#include "engine/runtime/primitive.hpp"

namespace scanflow::api {

void Api::Impl::list_primitives(const Request&, const Segments&, const Reply& reply) {
  reply(respond(200, {{"primitives", runtime::primitive_documents()},
                      {"of_objects", orchestrate::primitive_documents()}}));
}

void Api::Impl::show_primitive(const Request&, const Segments& names, const Reply& reply) {
  read(reply, [this, id = names[0]] { return shared.runs->primitive(id); });
}

void Api::Impl::primitives_of_run(const Request&, const Segments& names, const Reply& reply) {
  read(reply, [this, prefix = names[0]]() -> Answer<json> {
    const auto run = shared.runs->find(prefix);
    if (!run) return tl::unexpected(run.error());
    auto list = shared.runs->primitives(*run);
    if (!list) return list;
    return json{{"run", *run}, {"primitives", std::move(*list)}};
  });
}

/// A run by the beginning of its id; or an injected Pod by its uid, which the engine knows.
void Api::Impl::find_running(std::string name, const Reply& reply,
                             std::function<void(const std::string& run)> then) {
  prepare<std::string>(
      reply,
      [this, name = std::move(name)]() -> Answer<std::string> {
        auto run = shared.runs->find(name);
        return run || run.error().status != 404 ? run : Answer<std::string>(name);
      },
      std::move(then));
}

/// Answered once it is committed: what becomes of it is read, or comes with the run's events.
void Api::Impl::send_primitive(const Request& request, const Segments& names, const Reply& reply) {
  const auto body = read_body(request, {{"id", json::value_t::string},
                                        {"step", json::value_t::string},
                                        {"primitive", json::value_t::string},
                                        {"arguments", json::value_t::object},
                                        {"deadline", json::value_t::string},
                                        {"by", json::value_t::string}});
  if (!body) return reply(failed(body.error()));
  if (!body->contains("step") || !body->contains("primitive")) {
    return reply(refuse(400, 2,
                        R"(the body must be JSON: {"step": NAME, "primitive": NAME, )"
                        R"("arguments": {}, "deadline": "30s", "by": NAME})"));
  }
  auto with = with_deadline(*body);
  if (!with) return reply(failed(with.error()));
  json asked = std::move(*with);
  asked.update({{"op", "primitive"}, {"wait", false}});
  if (!asked.contains("by")) asked["by"] = "api";
  find_running(names[0], reply, [this, reply, asked](const std::string& run) {
    json request_of_run = asked;
    request_of_run["run"] = run;
    ask(
        request_of_run, [](const json& done) { return done.at("command"); }, reply);
  });
}

void Api::Impl::offers(const Request& request, const Segments& names, const Reply& reply) {
  const std::string step = request.parameter("step");
  if (step.empty()) return reply(refuse(400, 2, "say of which step: ?step=NAME"));
  find_running(names[0], reply, [this, reply, step](const std::string& run) {
    ask(
        {{"op", "offers"}, {"run", run}, {"step", step}},
        [](json done) {
          done.erase("type");
          return done;
        },
        reply);
  });
}

void Api::Impl::top(const Request&, const Segments&, const Reply& reply) {
  ask(
      {{"op", "top"}}, [](const json& done) { return done.at("top"); }, reply);
}

}  // namespace scanflow::api
