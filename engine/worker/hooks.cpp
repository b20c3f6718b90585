#include "engine/worker/hooks.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <utility>

#include "sdk/base/signals.hpp"

namespace scanflow::worker {

using nlohmann::json;

void Hooks::start(const protocol::AttemptId& attempt, std::uint64_t call, const Program& program) {
  const auto pid = spawn(program);
  if (!pid)
    return answered_(attempt, call, "FAILED", json{{"message", pid.error().message}}.dump());
  running_[*pid] = {attempt, call, program.argv.front()};
}

bool Hooks::reaped(pid_t pid, int wait_status) {
  const auto found = running_.find(pid);
  if (found == running_.end()) return false;
  ::kill(-pid, SIGKILL);  // whatever it has left
  const Running hook = std::move(found->second);
  running_.erase(found);
  const bool done = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
  json value = json::object();
  if (WIFEXITED(wait_status)) value["exit_code"] = WEXITSTATUS(wait_status);
  if (!done) {
    value["message"] = fmt::format("{} {}; its words are in the step's log", hook.name,
                                   describe_exit(wait_status));
  }
  answered_(hook.attempt, hook.call, done ? "DONE" : "FAILED", value.dump());
  return true;
}

void Hooks::end(const protocol::AttemptId& attempt) {
  for (const auto& [pid, hook] : running_) {
    if (hook.attempt == attempt) ::kill(-pid, SIGKILL);
  }
}

}  // namespace scanflow::worker
