// Where attempts run. One interface; the engine talks to nothing else.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "sdk/base/result.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::backend {

/// What a backend tells the engine.
using Report = std::variant<protocol::Started, protocol::Progress, protocol::Metric,
                            protocol::Ended, protocol::HostCall>;

/// Called on the backend's own thread (of `noop`s: within launch), with as many reports as there
/// are at once. Must not block.
using Sink = std::function<void(std::vector<Report>)>;

using RequestPtr = std::shared_ptr<const protocol::Request>;

class Backend {
 public:
  virtual ~Backend() = default;

  /// Starts the attempts; never blocks for long. Each ends in exactly one Ended report, also when
  /// it could not be started (cause config or lost). Launching an attempt that is there already
  /// adopts it. [any-thread]
  virtual void launch(std::vector<RequestPtr> requests) = 0;

  /// Cancel, grace, then kill. Its Ended follows. Unknown attempts are ignored. [any-thread]
  virtual void stop(const protocol::AttemptId& id, const std::string& reason) = 0;

  /// After a restart of the engine: attempts of an earlier engine that are still running or whose
  /// result was not acknowledged. Those that run are adopted: their reports follow. Blocks for at
  /// most a few seconds.
  virtual Result<protocol::Listing> list() = 0;

  /// The engine has committed the result: the backend may forget it. [any-thread]
  virtual void acknowledge(const protocol::AttemptId& id) = 0;

  /// The answer to a HostCall. [any-thread]
  virtual void reply(const protocol::HostReply& reply) = 0;
};

struct Options {
  std::string state_directory;   // absolute
  std::string socket_directory;  // absolute, exists, 0700
  std::string worker;            // absolute path of scanflow-worker
  std::uint32_t slots = 1;       // attempts at once
};

/// Plugins and `noop` on a thread pool inside the engine: for tests, and for pipelines of many tiny
/// steps. A plugin that crashes takes the engine along. `command` is refused.
std::unique_ptr<Backend> make_inproc(const Options& options, Sink sink);

/// Every attempt a process of its own, children of a supervisor that outlives the engine; `noop` in
/// process. `detach`: at destruction leave a supervisor that has attempts alive (else it is told to
/// end).
std::unique_ptr<Backend> make_local(const Options& options, Sink sink);

}  // namespace scanflow::backend
