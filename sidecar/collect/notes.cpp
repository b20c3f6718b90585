#include "sidecar/collect/notes.hpp"

#include <fmt/format.h>

#include <array>
#include <system_error>

namespace scanflow::collect {
namespace {

/// What is absent without the source.
constexpr std::array<std::string_view, kSources> kFigures = {
    "process_*",
    "process_context_switches_*, process_swap_bytes",
    "process_read_bytes_total, process_write_bytes_total",
    "process_open_fds",
    "process_oom_score",
    "process_proportional_memory_bytes, process_private_dirty_bytes",
    "container_*",
    "container_memory_usage_bytes",
    "container_memory_working_set_bytes",
    "container_memory_limit_bytes",
    "container_memory_oom_*, container_memory_limit_hits_total, container_memory_high_events_total",
    "container_cpu_*",
    "container_cpu_limit_cores",
    "container_pressure_*",
    "network_*_bytes_total, network_*_dropped_total",
    "network_tcp_*",
    "volume_*",
    "gpu_*",
    "process_*",
};

}  // namespace

bool Notes::first(Source source) {
  const auto index = static_cast<std::size_t>(source);
  if (said_[index] || say_ == nullptr || !*say_) return false;
  said_[index] = true;
  return true;
}

void Notes::unreadable(Source source, std::string_view file, int error) {
  if (!first(source)) return;
  (*say_)(about_, fmt::format("{}: cannot read {}: {}", kFigures[static_cast<std::size_t>(source)],
                              file, std::generic_category().message(error)));
}

void Notes::odd(Source source, std::string_view file) {
  if (!first(source)) return;
  (*say_)(about_, fmt::format("{}: {} is not in the form this version knows",
                              kFigures[static_cast<std::size_t>(source)], file));
}

void Notes::absent(Source source, std::string_view reason) {
  if (!first(source)) return;
  (*say_)(about_, fmt::format("{}: {}", kFigures[static_cast<std::size_t>(source)], reason));
}

}  // namespace scanflow::collect
