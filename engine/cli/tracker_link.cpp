#include "engine/cli/tracker_link.hpp"

#include <fmt/format.h>

#include "engine/cli/connection.hpp"
#include "engine/http/client.hpp"
#include "engine/track/tracker.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::cli {
namespace {

using nlohmann::json;

api::Answer<json> ask_server(const Context& context, const TrackerCall& call) {
  const auto client = context.client();
  if (!client) return tl::unexpected(client.error());
  std::string target = "/api/2.0/mlflow/" + call.path;
  if (call.method != "GET")
    return client->json_of({.method = call.method, .target = target, .body = call.request.dump()});
  char sign = '?';
  for (const auto& [name, value] : call.request.items()) {
    target += fmt::format("{}{}={}", sign, name, http::percent_encoded(value.get<std::string>()));
    sign = '&';
  }
  return client->json_of({.target = target});
}

api::Answer<json> read_here(const runtime::StateDirectory& state, const track::Endpoint& endpoint,
                            const json& request) {
  const auto store = store::Store::open_read_only(state.root);
  if (!store) return api::broken(store.error().message);
  const track::Tracker tracker(**store,
                               {[] { return wall_us() / 1000; }, [] { return std::string(); }});
  const auto answer = tracker.run(*endpoint.call, request);
  if (answer) return json::parse(*answer);
  const int status = track::http_status(answer.error().code);
  return tl::unexpected(
      api::Failure{status, status < 500 ? kUsage : kEngine, answer.error().message});
}

}  // namespace

api::Answer<json> ask_tracker(const Context& context, const TrackerCall& call) {
  if (!context.server.empty()) return ask_server(context, call);
  const auto state = context.state_directory();
  if (!state) return api::broken(state.error().message);
  const track::Endpoint* endpoint = track::find_endpoint(call.method, call.path);
  if (endpoint == nullptr) return api::broken("the tracker has no " + call.path);
  if (call.method == "GET") return read_here(*state, *endpoint, call.request);
  auto done = ask_any_engine(
      context, *state,
      {{"op", "track"}, {"method", call.method}, {"path", call.path}, {"request", call.request}});
  if (!done) return done;
  return done->at("answer");
}

}  // namespace scanflow::cli
