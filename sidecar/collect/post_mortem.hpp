// Why a workload ended: made of what was remembered before, and how it ended. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/collect/history.hpp"

namespace scanflow::collect {

/// How it ended, as its parent and its cgroup tell.
struct Ending {
  std::int64_t time_us = 0;      // the history's clock
  std::optional<int> exit_code;  // of a program that exited; 128 + n counts as signal n
  int signal = 0;                // that ended it; 0: none
  bool asked = false;            // this side, or its user, ended it
  bool limit_reached = false;    // its launcher, who holds it to its limit, says so
  std::optional<double> oom_kills_before, oom_kills_after;  // container_memory_oom_kills_total
  std::optional<double> memory_limit;                       // bytes
  std::optional<double> memory_peak;  // bytes, where the kernel tells; else the history's
  std::vector<std::string> last_lines;
};

enum class EndCause : std::uint8_t {
  completed,  // exit code 0
  failed,     // another exit code
  crashed,    // SIGSEGV, SIGABRT and the like
  killed,     // another signal
  out_of_memory,
  stopped,  // as asked
  unknown,  // nobody has its status
};
std::string_view name_of(EndCause cause);

struct PostMortem {
  EndCause cause = EndCause::unknown;
  bool certain = true;  // false: a guess from the figures
  std::string reason;   // one line for a person: "killed by the kernel (SIGKILL) at its limit"
  std::optional<int> exit_code;
  int signal = 0;
  std::int64_t time_us = 0;
  std::optional<double> memory_peak, memory_limit;  // bytes
  std::optional<double> memory_slope;               // bytes a second, over the last 10 s
  std::optional<std::int64_t> growing_since_us;     // the history's clock
  std::optional<double> memory_pressure, cpu_pressure, io_pressure;  // at the end, 0 to 1
  std::vector<Curve> curves;            // those that were there; at most 60 points each
  std::vector<std::string> last_lines;  // the last 20
};

PostMortem make_post_mortem(const History& history, const Ending& ending);

/// "limit 512 MiB, growing 9.0 MiB/s for 41 s; killed by the kernel (SIGKILL)"
std::string summary(const PostMortem& post_mortem);

}  // namespace scanflow::collect
