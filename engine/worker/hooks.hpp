// Programs that a pipeline declares for a step (`sidecar.hooks`, `sidecar.checkpoint`): started beside
// the attempt, with its environment, directory and log.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/worker/spawn.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::worker {

class Hooks {
 public:
  /// The outcome and value of call `call`, once.
  using Answered = std::function<void(const protocol::AttemptId&, std::uint64_t call,
                                      std::string outcome, std::string value)>;

  explicit Hooks(Answered answered) : answered_(std::move(answered)) {}

  /// Answered at its end, or at once where it cannot start.
  void start(const protocol::AttemptId& attempt, std::uint64_t call, const Program& program);
  bool has(pid_t pid) const { return running_.contains(pid); }
  /// A child has ended. True: it was one of these.
  bool reaped(pid_t pid, int wait_status);
  /// The attempt has ended: its hooks are killed.
  void end(const protocol::AttemptId& attempt);

 private:
  struct Running {
    protocol::AttemptId attempt;
    std::uint64_t call = 0;
    std::string name;
  };

  const Answered answered_;
  std::map<pid_t, Running> running_;
};

}  // namespace scanflow::worker
