// The HTTP API: which request does what. Requests that change something go to the engine as those
// of its socket do (engine_socket.hpp: serve_request); what only reads goes to the store.
//
//   GET    /healthz, /readyz                 alive; ready to take runs
//   GET    /api/v1/version
//   GET    /api/v1/schedules                 of registered pipelines: the next firing, the last run
//   GET    /api/v1/applications              {"applications": [...]}: their teams, what these have of their
//                                            quotas now, what waits for one, what they may use
//   GET    /api/v1/services                  that this server runs, and how they fare
//   GET    /api/v1/services/{namespace}/{name}          one of them, with its processes
//   GET    /api/v1/services/{namespace}/{name}/logs     the last of what they logged
//   GET    /api/v1/documents                 the newest version of each that is registered:
//                                            ?kind= namespace= labels= sources=true limit= cursor=
//   POST   /api/v1/documents                 registers all or none (?dry_run=true: only says what it
//                                            would do): {"texts": [{"file", "text"}], "namespace"}, or
//                                            YAML
//   POST   /api/v1/documents/delete          all or none: {"documents": [{"kind", "namespace", "name",
//                                            "version"}]}; without a version all versions
//   GET    /api/v1/documents/{kind}/{namespace}/{name}            ?version=N: that, else the newest
//   DELETE /api/v1/documents/{kind}/{namespace}/{name}            ?version=N: that, else all
//   GET    /api/v1/documents/{kind}/{namespace}/{name}/versions   the newest first
//   GET    /api/v1/runs                      ?namespace= pipeline= labels= status= since= limit= cursor=
//   POST   /api/v1/runs                      a pipeline as YAML or JSON, or {"source", "pipeline" (a
//                                            name) or "retry_of" (a run), ...}: submitted.hpp
//                                            ?dry_run=true: says only what the run would do; ?run=ID:
//                                            its id, so that asking twice begins it once
//   POST   /api/v1/runs/delete               {"runs": [...]}: all or none
//   GET    /api/v1/runs/{run}                the result document; {run}: an id, its beginning, or last
//   DELETE /api/v1/runs/{run}
//   GET    /api/v1/runs/{run}/events         ?after=N limit=N; text/event-stream: followed to the end
//   GET    /api/v1/runs/{run}/logs           ?step=; text, or application/json
//   POST   /api/v1/runs/{run}/cancel
//   POST   /api/v1/runs/{run}/approve        {"step", "approve": true, "comment": "", "by": ""}
//   GET    /api/v1/runs/{run}/primitives     what was asked of its steps while they ran, with outcomes
//   POST   /api/v1/runs/{run}/primitives     {"step", "primitive", "arguments": {}, "deadline": "30s",
//                                            "by", "id"}: committed when it is answered. With an id
//                                            of the client's own (a UUID) asking twice does it once
//   GET    /api/v1/runs/{run}/offers         ?step=: what a step that runs lets one do to it
//   GET    /api/v1/primitives                all that there are
//   GET    /api/v1/primitives/{id}           one that was asked for, with its outcome
//   GET    /api/v1/actions                   what was asked of objects of the engine's cluster, the newest first:
//                                            ?kind= namespace= name= limit= cursor=
//   POST   /api/v1/actions                   {"object": "deployment/web", "namespace", "primitive", "arguments": {},
//                                            "deadline": "30s", "dry_run", "by", "id"}: as of primitives
//   GET    /api/v1/actions/{id}              one of them, with its outcome
//   GET    /api/v1/agents                    what looks after things: {"agents": [...]}; .../{namespace}/{name}: one of them
//   POST   /api/v1/agents/{namespace}/{name}/pause    {"paused": true, "by"}
//   POST   /api/v1/agents/{namespace}/{name}/sessions    {"host", "pid"}: of a process that is to run it (runs: process): {"session",
//                                            "version", "paused", "now_us", "lease_us"}; 423: another process has it; 422: the
//                                            server runs it itself
//   POST   .../sessions/{session}            {"op", ...}: what it reads, keeps and asks for (control/agent_sessions.hpp);
//                                            "news" waits for some; 409: the session is over. Each call renews its lease
//   DELETE .../sessions/{session}            gives the lease back
//   GET    /api/v1/decisions                 of agents, the newest first: ?agent=NAMESPACE/NAME rule= open=true before=ID limit=
//   POST   /api/v1/decisions                 {"primitive", "target", "args", "namespace", "by"}: done now, by hand; answers once
//                                            it has ended, as a decision
//   GET    /api/v1/record                    what agents could be woken by: ?seconds= (of the last so many; 3600)
//   POST   /api/v1/hooks/{team}/{name}       of rules that wait for it (trigger webhook): signed, else 401
//   POST   /api/v1/decisions/{id}            {"approve": true, "by"}: of one that waits
//   POST   /api/v1/events                    {"type", "payload": {}, "source"}: told to all agents
//   GET    /api/v1/top                       all attempts that run, and how they fare
//   POST   /api/v1/cache/clear               ?older_than=30d; cached results are forgotten
//
// Beside it MLflow's REST API: /api/2.0/mlflow/ (engine/track/tracker.cpp has the calls), and its files:
//   PUT, GET, HEAD, DELETE /api/2.0/mlflow-artifacts/artifacts/{path}   in parts with Range:; a folder is deleted whole
//   GET    /api/2.0/mlflow-artifacts/artifacts    ?path=: what is in a folder
//
// Errors are {"error": {"message"}, "exit"}; of MLflow's {"error_code", "message"}. Lists come by pages: "next" is the cursor (of events:
// `after`) of the one that follows, or null; a page ends early where it would be longer than 8 MiB.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/api/event_stream.hpp"
#include "engine/http/server.hpp"

namespace scanflow::services {
class Services;
}
namespace scanflow::control {
class Agents;
}

namespace scanflow::api {

struct ApiOptions {
  runtime::StateDirectory state;
  std::uint32_t jobs = 1;                                           // of a run that does not say
  std::vector<std::string> plugin_dirs;                             // the same
  std::function<std::shared_ptr<const loader::Catalog>()> catalog;  // null: it cannot be found
  std::string version;
};

class Api {
 public:
  /// `http` outlives it; what `http` hands to handle() comes after serve() only in what needs an
  /// engine: until then that is refused with 503.
  Api(http::Server& http, std::unique_ptr<Runs> runs, ApiOptions options);
  ~Api();

  // Called on the HTTP thread.

  /// Where the body of a request goes.
  http::Admission admit(const Request& head) const;
  void handle(Request request, const Reply& reply);
  /// They are asked from now on. [not-the-HTTP-thread]
  void serve(runtime::Engine& engine, const services::Services& hosted, control::Agents& agents);
  /// Asks them no more, when this returns. [not-the-HTTP-thread]
  void forget_engine();
  /// Waits for what is being read; nothing is after this. Before `http` ends.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace scanflow::api
