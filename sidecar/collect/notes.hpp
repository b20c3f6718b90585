// Why a figure is absent: said once, not each second.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace scanflow::collect {

/// Where figures come from; the reason of an absent one is said once for each.
enum class Source : std::uint8_t {
  stat,
  status,
  io,
  open_fds,
  oom_score,
  smaps_rollup,
  cgroup,
  memory_usage,
  memory_stat,
  memory_limit,
  memory_events,
  cpu,
  cpu_limit,
  pressure,
  network,
  sockets,
  volume,
  gpu,
  processes,
};
inline constexpr std::size_t kSources = 19;

/// Takes what is said: about whom ("workload train", "network", ...), and why which figures are
/// absent. Called from within sampling, on its thread; must not throw.
using Say = std::function<void(std::string_view about, std::string_view reason)>;

/// Remembers what was said about one subject.
class Notes {
 public:
  Notes(std::string about, const Say* say) : about_(std::move(about)), say_(say) {}

  /// "container_cpu_*: cannot read cpu.stat: Permission denied". `error`: errno.
  void unreadable(Source source, std::string_view file, int error);
  /// The file was there, but is not what it should be.
  void odd(Source source, std::string_view file);
  void absent(Source source, std::string_view reason);

 private:
  bool first(Source source);
  std::string about_;
  const Say* say_;
  std::bitset<kSources> said_;
};

}  // namespace scanflow::collect
