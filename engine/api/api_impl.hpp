// How requests are answered: what those of run_requests.cpp and document_requests.cpp share. Private
// to engine/api.
#pragma once

#include <boost/asio/post.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/api/api.hpp"
#include "engine/api/event_stream.hpp"
#include "engine/control/agents.hpp"
#include "engine/services/services.hpp"
#include "engine/track/answer.hpp"

namespace scanflow::api {

Response failed(const Failure& failure);
/// What the engine's answer to a request means here.
Response rejected(const json& update);
Response ending();
// As MLflow's clients read problems (track_requests.cpp).
Response tracker_problem(int status, const char* code, const std::string& message);
Response tracker_problem(const track::Problem& problem);
/// The engine is not there yet, or no more.
Response no_tracker();

/// What "{}" stands for in a route, or the segments of one.
using Segments = std::vector<std::string>;

/// Belongs to the HTTP thread, but for what runs on the pool.
struct Api::Impl {
  using Call = void (Impl::*)(const Request& request, const Segments& names, const Reply& reply);
  struct Route {
    const char* method;
    Segments path;  // "{}": any
    Call call;
    std::vector<std::string> query = {};  // parameters that it takes
  };
  static const std::vector<Route>& routes();

  Impl(http::Server& http, std::unique_ptr<Runs> runs, ApiOptions chosen)
      : options(std::move(chosen)), shared(http, std::move(runs)) {}

  // What there is (api.cpp).
  void health(const Request& request, const Segments& names, const Reply& reply);
  void readiness(const Request& request, const Segments& names, const Reply& reply);
  void version(const Request& request, const Segments& names, const Reply& reply);
  void schedules(const Request& request, const Segments& names, const Reply& reply);

  // Runs (run_requests.cpp).
  void list_runs(const Request& request, const Segments& names, const Reply& reply);
  void show_run(const Request& request, const Segments& names, const Reply& reply);
  void events(const Request& request, const Segments& names, const Reply& reply);
  void logs(const Request& request, const Segments& names, const Reply& reply);
  void submit(const Request& request, const Segments& names, const Reply& reply);
  void cancel(const Request& request, const Segments& names, const Reply& reply);
  void approve(const Request& request, const Segments& names, const Reply& reply);
  void remove_run(const Request& request, const Segments& names, const Reply& reply);
  void remove_runs(const Request& request, const Segments& names, const Reply& reply);

  void clear_cache(const Request& request, const Segments& names, const Reply& reply);

  // Steps that run (primitive_requests.cpp).
  void list_primitives(const Request& request, const Segments& names, const Reply& reply);
  void show_primitive(const Request& request, const Segments& names, const Reply& reply);
  void primitives_of_run(const Request& request, const Segments& names, const Reply& reply);
  void send_primitive(const Request& request, const Segments& names, const Reply& reply);
  void offers(const Request& request, const Segments& names, const Reply& reply);
  void top(const Request& request, const Segments& names, const Reply& reply);

  // Objects of a cluster (action_requests.cpp).
  void list_actions(const Request& request, const Segments& names, const Reply& reply);
  void show_action(const Request& request, const Segments& names, const Reply& reply);
  void send_action(const Request& request, const Segments& names, const Reply& reply);

  // Registered documents (document_requests.cpp).
  void list_documents(const Request& request, const Segments& names, const Reply& reply);
  void show_document(const Request& request, const Segments& names, const Reply& reply);
  void versions(const Request& request, const Segments& names, const Reply& reply);
  void apply(const Request& request, const Segments& names, const Reply& reply);
  void remove_document(const Request& request, const Segments& names, const Reply& reply);
  void remove_documents(const Request& request, const Segments& names, const Reply& reply);

  // Agents (agent_requests.cpp).
  void list_agents(const Request& request, const Segments& names, const Reply& reply);
  void show_agent(const Request& request, const Segments& names, const Reply& reply);
  void pause_agent(const Request& request, const Segments& names, const Reply& reply);
  void list_decisions(const Request& request, const Segments& names, const Reply& reply);
  void answer_decision(const Request& request, const Segments& names, const Reply& reply);
  void decide_by_hand(const Request& request, const Segments& names, const Reply& reply);
  void record(const Request& request, const Segments& names, const Reply& reply);
  void call_hook(const Request& request, const Segments& names, const Reply& reply);
  void emit_event(const Request& request, const Segments& names, const Reply& reply);

  // Applications (application_requests.cpp).
  void list_applications(const Request& request, const Segments& names, const Reply& reply);
  // Processes that run agents (agent_session_requests.cpp).
  void begin_session(const Request& request, const Segments& names, const Reply& reply);
  void ask_session(const Request& request, const Segments& names, const Reply& reply);
  void end_session(const Request& request, const Segments& names, const Reply& reply);

  // Services (service_requests.cpp).
  void list_services(const Request& request, const Segments& names, const Reply& reply);
  void show_service(const Request& request, const Segments& names, const Reply& reply);
  void service_logs(const Request& request, const Segments& names, const Reply& reply);

  /// MLflow's REST API (track_requests.cpp). `path`: below /api/2.0/mlflow/.
  void track(const Request& request, const std::string& path, const Reply& reply);

  // Its artifacts (artifact_requests.cpp).

  static bool is_of_artifacts(const Request& request);
  http::Admission admit_artifact(const Request& head) const;
  void artifacts(const Request& request, const Reply& reply);

  /// Queries on the pool; then the document is the answer.
  void read(const Reply& reply, std::function<Answer<json>()> query);
  /// Prepares on the pool, and goes on with that on the HTTP thread.
  template <class Value>
  void prepare(const Reply& reply, std::function<Answer<Value>()> make,
               std::function<void(const Value& made)> then) {
    boost::asio::post(shared.pool, [this, reply, make = std::move(make), then = std::move(then)] {
      auto made = make();
      if (!made) return reply(failed(made.error()));
      shared.http.post([made = std::move(*made), then] { then(made); });
    });
  }
  /// The whole ids of runs.
  void find(std::vector<std::string> prefixes, const Reply& reply,
            std::function<void(const std::vector<std::string>& runs)> then);
  void find_running(std::string name, const Reply& reply,
                    std::function<void(const std::string& run)> then);

  template <class Use>
  void with_engine(const Reply& reply, Use use) {
    if (shared.engine != nullptr) return use(*shared.engine);
    Response response = refuse(503, 3, "the server is starting, or ending; try again");
    response.headers.emplace_back("Retry-After", "1");
    reply(std::move(response));
  }
  template <class Use>
  void with_agents(const Reply& reply, Use use) {
    if (agents != nullptr) return use(*agents);
    reply(ending());
  }
  template <class Use>
  void with_services(const Reply& reply, Use use) {
    if (services != nullptr) return use(*services);
    reply(ending());
  }
  /// Asks the engine what is done or not; `answer` makes the answer of its "done".
  void ask(const json& request, std::function<json(const json& done)> answer, const Reply& reply);

  const ApiOptions options;
  const services::Services* services = nullptr;  // that this server runs
  control::Agents* agents = nullptr;             // the same
  Shared shared;
};

/// The number of this name in the query, or `otherwise`; an error where it is none in the range.
Answer<std::int64_t> number_of(const Request& request, const std::string& name, std::int64_t least,
                               std::int64_t most, std::int64_t otherwise);

}  // namespace scanflow::api
