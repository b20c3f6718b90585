#include "engine/worker/hooks.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <utility>

namespace scanflow::worker {
namespace {

using nlohmann::json;

}  // namespace

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
  json value = json::object();
  std::string outcome = "DONE";
  if (WIFSIGNALED(wait_status)) {
    outcome = "FAILED";
    value["message"] = fmt::format("{} was killed by signal {}", hook.name, WTERMSIG(wait_status));
  } else {
    const int code = WEXITSTATUS(wait_status);
    value["exit_code"] = code;
    if (code != 0) {
      outcome = "FAILED";
      value["message"] =
          fmt::format("{} exited with status {}; its words are in the step's log", hook.name, code);
    }
  }
  answered_(hook.attempt, hook.call, std::move(outcome), value.dump());
  return true;
}

void Hooks::end(const protocol::AttemptId& attempt) {
  for (const auto& [pid, hook] : running_) {
    if (hook.attempt == attempt) ::kill(-pid, SIGKILL);
  }
}

}  // namespace scanflow::worker
