// Where attempts run. One interface; the engine talks to nothing else.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "sdk/base/result.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::backend {

/// The backend keeps the result of an attempt that an earlier engine launched, and this one did not:
/// it may have to be asked for, or forgotten.
struct Kept {
  protocol::AttemptId id;
};

/// All attempts that earlier engines launched, this one did not, and that still run.
struct Strays {
  std::vector<protocol::AttemptId> ids;
};

/// The Pod that the attempt is given to: told before it starts there, again where it is given to another
/// one, and to each engine that goes on with it.
struct Placed {
  protocol::AttemptId id;
  std::string pod;
  std::string node;       // the machine that it is on; empty: not known
  std::uint32_t use = 1;  // 1: it was made for this attempt; else as the how many-eth one it has it
};

/// A rank of a gang (engine/backend/gangs.hpp).
struct Member {
  std::uint32_t rank = 0;
  std::string pod, node;  // empty: on this machine, or not known
  protocol::Result result;
};

/// A gang has ended, all its ranks have.
struct GangEnded {
  protocol::Result result;
  std::vector<Member> members;  // by rank
};

/// What a backend tells the engine; GangEnded is made of what it tells of the ranks.
using Report = std::variant<protocol::Started, protocol::Progress, protocol::Metric,
                            protocol::Ended, protocol::HostCall, Kept, Strays, Placed, GangEnded>;

/// Called on any thread, also within launch(), with as many reports as there are at once. Must not
/// block.
using Sink = std::function<void(std::vector<Report>)>;

using RequestPtr = std::shared_ptr<const protocol::Request>;

/// Its members are called on the engine's strand, where it is destroyed too (or after the strand has
/// ended).
class Backend {
 public:
  virtual ~Backend() = default;

  /// Something will be launched in a moment: whatever can be done before, is.
  virtual void get_ready() = 0;

  /// Strays follows, none where nobody is there who could have any; and again as they end.
  virtual void survey() = 0;

  /// Has a sidecar beside what runs, now and from now on, that speaks with this hub. Told twice, it is
  /// the same.
  virtual void observe(const std::string& hub) = 0;

  /// Starts the attempts; never blocks for long. Each ends in exactly one Ended report, also when
  /// it could not be started (cause config or lost). Launching an attempt that an earlier engine
  /// launched adopts it: its reports follow, or its result if it has ended.
  virtual void launch(std::vector<RequestPtr> requests) = 0;

  /// Cancel, grace, then kill. Its Ended follows. Unknown attempts are ignored.
  virtual void stop(const protocol::AttemptId& id, const std::string& reason) = 0;

  /// The engine has committed the result that was reported: the backend may forget it.
  virtual void acknowledge(const protocol::AttemptId& id) = 0;

  /// Attempts whose results nobody will ask for: an earlier engine has committed them, perhaps
  /// without coming to acknowledge them.
  virtual void forget(const std::vector<protocol::AttemptId>& ids) = 0;

  /// The answer to a HostCall.
  virtual void reply(const protocol::HostReply& reply) = 0;
};

/// Where rank 0 of a gang listens for the others, in a Pod of its own; torchrun's.
inline constexpr std::uint16_t kRendezvousPort = 29500;

struct Options {
  std::string state_directory;   // absolute
  std::string socket_directory;  // absolute, exists, 0700
  std::string worker;            // absolute path of scanflow-worker
  std::uint32_t slots = 1;       // attempts at once
};

/// Plugins and `noop` on a thread pool inside the engine: for tests, and for pipelines of many tiny
/// steps. A plugin that crashes takes the engine along. `command` is refused.
std::unique_ptr<Backend> make_inproc(const Options& options, Sink sink);

/// Every attempt a process of its own, children of a supervisor that outlives the engine and keeps
/// what becomes of them; `noop` in process. Runs on `strand`, without a thread of its own.
std::unique_ptr<Backend> make_local(const Options& options, boost::asio::io_context& strand,
                                    Sink sink);

}  // namespace scanflow::backend
