#include "sidecar/collect/post_mortem.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>

#include "sdk/base/signals.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::collect {
namespace {

constexpr std::size_t kMostPoints = 60;
constexpr std::size_t kMostLines = 20;
constexpr std::int64_t kEndUs = 10'000'000;
constexpr double kNearLimit = 0.95;
constexpr int kSignalBase = 128;  // what shells add to a signal

bool is_crash(int signal) {
  constexpr std::array<int, 7> kCrashes = {SIGSEGV, SIGABRT, SIGBUS, SIGILL,
                                           SIGFPE,  SIGSYS,  SIGTRAP};
  return std::find(kCrashes.begin(), kCrashes.end(), signal) != kCrashes.end();
}

struct Verdict {
  EndCause cause;
  std::string reason;
  bool certain = true;
};

Verdict judge(const History& history, const Ending& ending, int signal) {
  const bool counter_rose = ending.oom_kills_before && ending.oom_kills_after &&
                            *ending.oom_kills_after > *ending.oom_kills_before;
  const bool failed = signal != 0 || ending.exit_code.value_or(0) != 0;
  if (counter_rose && signal == SIGKILL) {
    return {EndCause::out_of_memory, "out of memory: killed by the kernel (SIGKILL)"};
  }
  if (counter_rose && failed) {
    return {EndCause::out_of_memory,
            "out of memory: the kernel killed a process of it, and it ended by that", false};
  }
  if (ending.limit_reached)
    return {EndCause::out_of_memory, "out of memory: killed (SIGKILL) at its limit"};
  if (ending.asked) return {EndCause::stopped, "stopped as asked"};
  if (signal == SIGKILL && history.latest(Signal::memory_used_ratio).value_or(0) >= kNearLimit) {
    return {EndCause::out_of_memory, "killed (SIGKILL) at its memory limit", false};
  }
  if (signal != 0) {
    const std::string name = signal_name(signal);
    if (is_crash(signal)) return {EndCause::crashed, fmt::format("crashed ({})", name)};
    return {EndCause::killed, fmt::format("killed by a signal ({})", name)};
  }
  if (!ending.exit_code) return {EndCause::unknown, "ended, and nobody has its exit status", false};
  if (*ending.exit_code == 0) return {EndCause::completed, "completed"};
  return {EndCause::failed, fmt::format("exit code {}", *ending.exit_code)};
}

}  // namespace

std::string_view name_of(EndCause cause) {
  constexpr std::array<std::string_view, 7> kNames = {
      "completed", "failed", "crashed", "killed", "out_of_memory", "stopped", "unknown"};
  return kNames[static_cast<std::size_t>(cause)];
}

PostMortem make_post_mortem(const History& history, const Ending& ending) {
  PostMortem result;
  result.signal = ending.signal;
  result.exit_code = ending.exit_code;
  if (result.signal == 0 && ending.exit_code.value_or(0) > kSignalBase &&
      *ending.exit_code < kSignalBase + NSIG) {
    result.signal = *ending.exit_code - kSignalBase;
  }
  Verdict verdict = judge(history, ending, result.signal);
  result.cause = verdict.cause;
  result.certain = verdict.certain;
  result.reason = std::move(verdict.reason);
  result.time_us = ending.time_us;
  result.memory_limit = ending.memory_limit;
  result.memory_peak = ending.memory_peak ? ending.memory_peak : history.peak(Signal::memory_bytes);
  const std::int64_t known_us = history.latest_us() - history.oldest_us();
  if (known_us > 0)
    result.memory_slope = history.slope(Signal::memory_bytes, std::min(kEndUs, known_us));
  result.growing_since_us = history.growing_since(Signal::memory_bytes);
  result.memory_pressure = history.latest(Signal::memory_pressure);
  result.cpu_pressure = history.latest(Signal::cpu_pressure);
  result.io_pressure = history.latest(Signal::io_pressure);
  for (const SignalDescription& row : signals()) {
    Curve curve = history.curve(row.signal, kMostPoints);
    if (!curve.values.empty()) result.curves.push_back(std::move(curve));
  }
  const std::size_t lines = std::min(ending.last_lines.size(), kMostLines);
  result.last_lines.assign(ending.last_lines.end() - static_cast<std::ptrdiff_t>(lines),
                           ending.last_lines.end());
  return result;
}

std::string summary(const PostMortem& post_mortem) {
  const auto bytes = [](double value) {
    return format_bytes(static_cast<std::uint64_t>(std::max(value, 0.0)));
  };
  std::string memory;
  const auto add = [&](const std::string& part) { memory += (memory.empty() ? "" : ", ") + part; };
  if (post_mortem.memory_limit) add("limit " + bytes(*post_mortem.memory_limit));
  if (post_mortem.memory_peak) add("peak " + bytes(*post_mortem.memory_peak));
  constexpr double kWorthSaying = 65536;  // bytes a second
  if (post_mortem.memory_slope.value_or(0) > kWorthSaying) {
    std::string growth = fmt::format("growing {}/s", bytes(*post_mortem.memory_slope));
    if (post_mortem.growing_since_us) {
      growth += " for " + format_duration(post_mortem.time_us - *post_mortem.growing_since_us);
    }
    add(growth);
  }
  const std::string doubt = post_mortem.certain ? "" : " (probably)";
  return memory.empty() ? post_mortem.reason + doubt
                        : fmt::format("{}; {}{}", memory, post_mortem.reason, doubt);
}

}  // namespace scanflow::collect
