// Between hub and worker, in a Pod of the engine's: it brings the inputs of an attempt, and what earlier ones
// have left; has the worker run it, sends its log and saves its checkpoints as they come, stores what it has
// made, and then tells its result. What the hub orders
// again in each session is done once. [one thread]
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "sidecar/relay/checkpoints.hpp"
#include "sidecar/relay/inputs.hpp"
#include "sidecar/relay/outputs.hpp"
#include "sidecar/relay/worker_link.hpp"

namespace scanflow::relay {

struct RelayOptions {
  std::string worker;     // absolute: where the worker listens
  std::string directory;  // absolute: inputs, logs, and what is over
  std::string hub;        // what the worker is told of it: it finds the sidecar by itself
  std::map<std::string, std::string> secrets;  // more of them for each attempt: its Pod has them
};

class Relay {
 public:
  struct Events {
    std::function<void(protocol::Body)> deliver;  // must not be lost
    std::function<void(protocol::Body)> tell;     // once in this session with the hub
    std::function<void(const std::string&)> say;  // to the sidecar's own log
  };

  Relay(sidecar::Loop& loop, RelayOptions options, bulk::Client& client, Events events);

  /// Launch, Cancel, HostReply, Shutdown of the hub; others are ignored.
  void order(const protocol::Body& body);
  /// A session has begun: what the hub may not have heard is said again.
  void begin_session();
  /// Whoever ran it is gone; as in Result.
  void died(const protocol::AttemptId& id, std::string post_mortem);
  /// The attempt has taken a checkpoint.
  void has_checkpoint(const protocol::AttemptId& id) { checkpoints_.hurry(id); }

  /// Before each wait. now_us: a monotonic clock.
  void tick(std::int64_t now_us) { checkpoints_.tick(now_us); }
  std::int64_t wake_us() const { return checkpoints_.wake_us(); }
  /// The sidecar is to end: a worker that is gone does not come back.
  void drain();
  /// An attempt has not come to its end: what comes of it would be lost.
  bool busy() const;

 private:
  using Id = protocol::AttemptId;
  struct Attempt {
    protocol::Request request;
    bool brought = false;  // its inputs: the worker has it, as soon as it is there
    std::string stop;      // why; empty: it is not to end
    std::optional<bulk::Client::Number> log;
    protocol::LogRange logged;  // where it is; its length is not known before it ends
    std::string post_mortem;    // of one whose worker is gone
    bool log_over = false;
    bool left = false;                       // its checkpoints are saved, or not wanted
    bool ended = false;                      // the worker has said its result
    std::optional<protocol::Result> result;  // all of which is stored
    std::map<std::uint64_t, protocol::HostCall> calls;
  };

  void launch(const protocol::Request& request);
  void cannot_begin(const Id& id, const std::string& why);
  void cancel(const protocol::Cancel& order);
  void connected();
  void lost();
  void end_without_worker();
  void on_worker(protocol::Body& body);
  void send_log(const Id& id, Attempt& attempt, const protocol::LogRange& log);
  void ended(protocol::Result result);
  void finish_if_all_is_there(const Id& id);
  void finish(protocol::Result result);
  void read_ended();
  void note_ended(const Id& id);

  const RelayOptions options_;
  bulk::Client& client_;
  const Events events_;
  Inputs inputs_;
  Checkpoints checkpoints_;
  Outputs outputs_;
  std::map<Id, Attempt> attempts_;
  std::set<Id> ended_;  // in this Pod, also before a restart of the sidecar
  WorkerLink worker_;
  sidecar::Loop::Watch worker_gone_;
  bool draining_ = false;
};

}  // namespace scanflow::relay
