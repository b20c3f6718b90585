// The engine's socket: later `scanflow run`s on the same state directory submit to the engine that
// holds it, and follow their runs there. Lines of JSON over a Unix socket in a directory of the
// user's own.
//
//   to the engine:    {"op": "submit", "submission": {...}, "environment": {...}}
//                     {"op": "attach", "run": ID, "watch": false}
//                     {"op": "cancel", "run": ID}
//                     {"op": "answer", "run": ID, "step": ID, "approve": true, "by", "comment"}
//                     {"op": "primitive", "run": ID, "step": ID, "primitive", "arguments": {...},
//                      "deadline_us", "by", "id", "wait": true}  primitive.hpp says what they mean
//                     {"op": "act", "object": "deployment/web", "namespace", "primitive", "arguments": {...},
//                      "deadline_us", "dry_run", "by", "id"}  action.hpp says the same
//                     {"op": "offers", "run": ID, "step": ID}
//                     {"op": "top"}
//                     {"op": "delete", "runs": [ID, ...]}
//                     {"op": "apply", "request": {...}}
//                     {"op": "clear_cache", "age_us": N}
//                     {"op": "remove_documents", "names": [{...}, ...]}  registry.hpp says which
//                     {"op": "hand_over"}  from a server that is about to be the engine: not answered
//   from the engine:  the updates of submission.hpp's Listener, one a line; to all but
//                     the first two                     {"type": "done"} or "rejected"
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/runtime/engine.hpp"
#include "engine/runtime/update_queue.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::runtime {

/// What a request asks is done; the client is told.
void serve_request(Engine& engine, const nlohmann::json& request, const Client& client);

/// An engine and the socket that serves it. A thread of its own. Owns the engine because neither
/// outlives the other's threads: its end first reads no more requests, then ends the engine (whose
/// listeners still find the sessions), then closes the connections.
class EngineSocket {
 public:
  /// Where it fails, `engine` stays the caller's.
  static Result<std::unique_ptr<EngineSocket>> serve(std::unique_ptr<Engine>&& engine,
                                                     const StateDirectory& state);
  ~EngineSocket();
  Engine& engine();

 private:
  struct Impl;
  explicit EngineSocket(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A connection to the engine of another process. Its updates go to the queue; when the connection
/// ends, an update {"type": "closing"} follows. A thread of its own.
class EngineClient {
 public:
  static Result<std::unique_ptr<EngineClient>> connect(const StateDirectory& state,
                                                       std::shared_ptr<UpdateQueue> queue);
  ~EngineClient();
  Result<void> send(const nlohmann::json& request);

 private:
  struct Impl;
  explicit EngineClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace scanflow::runtime
