// MLflow's REST API: https://mlflow.org/docs/latest/rest-api.html
#include <fmt/format.h>

#include "engine/api/api_impl.hpp"
#include "engine/api/body.hpp"
#include "engine/track/tracker.hpp"

namespace scanflow::api {

Response tracker_problem(int status, const char* code, const std::string& message) {
  return respond(status, {{"error_code", code}, {"message", message}});
}

Response tracker_problem(const track::Problem& problem) {
  Response response = tracker_problem(track::http_status(problem.code),
                                      track::name_of(problem.code), problem.message);
  if (problem.code == track::Code::unavailable) response.headers.emplace_back("Retry-After", "1");
  return response;
}

Response no_tracker() {
  return tracker_problem(
      {track::Code::unavailable, "the server is starting, or ending; try again"});
}

namespace {

/// Of a GET: {"name": "value"}, or ["value", ...] where it comes several times.
json document_of_query(const Request& request) {
  json document = json::object();
  for (const auto& [name, value] : request.query) {
    const auto [there, fresh] = document.emplace(name, value);
    if (fresh) continue;
    if (!there->is_array()) *there = json::array({*there});
    there->push_back(value);
  }
  return document;
}

track::Answer<json> track_document(const Request& request) {
  if (request.method == "GET") return document_of_query(request);
  if (request.body.empty()) return json::object();
  if (auto bounded = check_nesting(request.body); !bounded)
    return track::invalid(bounded.error().message);
  json document = json::parse(request.body, nullptr, false);
  if (document.is_discarded()) return track::invalid("the body is not JSON");
  return document;
}

}  // namespace

void Api::Impl::track(const Request& request, const std::string& path, const Reply& reply) {
  const track::Endpoint* endpoint = track::find_endpoint(request.method, path);
  if (endpoint == nullptr) {
    return reply(track::has_endpoint(path)
                     ? tracker_problem(405, "BAD_REQUEST", request.method + " is not done here")
                     : tracker_problem(404, "ENDPOINT_NOT_FOUND",
                                       fmt::format("this server has no /api/2.0/mlflow/{}",
                                                   path.substr(0, 200))));
  }
  auto document = track_document(request);
  if (!document) return reply(tracker_problem(document.error()));
  if (shared.engine == nullptr) return reply(no_tracker());
  shared.engine->track(*endpoint->call, track::request_of(*endpoint, path, std::move(*document)),
                       [reply](track::Answer<std::string> answer) {
                         if (!answer) return reply(tracker_problem(answer.error()));
                         Response response;
                         response.body = std::move(*answer);
                         reply(std::move(response));
                       });
}

}  // namespace scanflow::api
