#include "engine/worker/outcome.hpp"

#include <fmt/format.h>
#include <string.h>
#include <sys/wait.h>

#include <csignal>

#include "sdk/base/signals.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::worker {
namespace {

std::string with_last_line(std::string message, const std::string& line) {
  if (!line.empty()) message += "; last line: " + line;
  return message;
}

std::string memory_message(const Ending& ending) {
  const std::string peak = ending.memory_peak == 0 ? "it" : format_bytes(ending.memory_peak);
  return fmt::format(
      "out of memory: limit {}, reached {} after {}; killed (SIGKILL). Raise "
      "resources.limits.memory, or make the step use less",
      format_bytes(ending.memory_limit), peak, format_duration(ending.ran_us));
}

std::string crash_message(const Ending& ending, int signal) {
  std::string message = fmt::format("killed by {}", signal_name(signal));
  if (const char* text = ::sigdescr_np(signal); text != nullptr && signal != SIGKILL) {
    message += fmt::format(" ({})", text);
  }
  if (!ending.asked.empty()) {
    message += fmt::format(", as the primitive '{}' asked ('scanflow runs show' says by whom)",
                           ending.asked);
  } else if (signal == SIGKILL) {
    message +=
        " (not by Scanflow: by a person, or by the kernel when the machine ran out of memory)";
  }
  return with_last_line(std::move(message), ending.last_line);
}

}  // namespace

void judge(const Ending& ending, protocol::Result& result) {
  const bool exited = WIFEXITED(ending.wait_status);
  result.exit_code = exited ? WEXITSTATUS(ending.wait_status) : 0;
  result.signal = WIFSIGNALED(ending.wait_status) ? WTERMSIG(ending.wait_status) : 0;
  result.status = "failed";
  // A program that copes with the loss of a child to the memory limit has succeeded all the same.
  const bool success = exited && result.exit_code == 0 && !ending.plugin;
  if (!ending.stop_reason.empty()) {
    result.status = "cancelled";
    result.cause = ending.stop_reason;
    result.message =
        fmt::format("stopped after {}: {}", format_duration(ending.ran_us), ending.stop_reason);
    if (ending.killed_by_us) {
      result.message += "; it did not end within its grace period and was killed (SIGKILL)";
    }
  } else if (success) {
    result.status = "succeeded";
    result.cause.clear();
    result.message.clear();
  } else if (ending.out_of_memory) {
    result.cause = "oom";
    result.message = memory_message(ending);
  } else if (result.signal != 0) {
    result.cause = "crash";
    result.message = crash_message(ending, result.signal);
  } else if (ending.plugin) {
    result.cause = "exit";
    result.message = with_last_line(
        fmt::format("the plugin ended its process with status {} instead of returning from run",
                    result.exit_code),
        ending.last_line);
  } else {
    result.cause = "exit";
    result.message =
        with_last_line(fmt::format("exited with status {}", result.exit_code), ending.last_line);
  }
}

}  // namespace scanflow::worker
