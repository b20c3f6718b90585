#include "engine/run/scheduler.hpp"

#include <fmt/format.h>

#include "sdk/base/units.hpp"

namespace scanflow::run {
namespace {

constexpr double kTolerance = 1e-9;  // sums of tenths

}  // namespace

void Scheduler::occupy(const pipeline::Step& step, std::uint32_t count) {
  if (step.uses != "pipeline") jobs_ += count;
  cpu_ += step.resources.cpu_request * count;
  memory_ += step.resources.memory_request * count;
  if (!step.pool.name.empty()) pools_[step.pool.name] += count;
}

void Scheduler::add(const Running& running) { occupy(*running.like, running.count); }

bool Scheduler::fits(const pipeline::Resources& resources) const {
  const bool cpu = capacity_.cpu <= 0 || resources.cpu_request <= 0 ||
                   cpu_ + resources.cpu_request <= capacity_.cpu + kTolerance;
  const bool memory = capacity_.memory == 0 || resources.memory_request == 0 ||
                      memory_ + resources.memory_request <= capacity_.memory;
  return cpu && memory;
}

bool Scheduler::take(const pipeline::Step& step) {
  const bool works = step.uses != "pipeline";
  if (works && (run_slots_ == 0 || jobs_ >= capacity_.jobs)) return false;
  if (!step.pool.name.empty() && pools_[step.pool.name] >= step.pool.limit) return false;
  const bool requests = step.resources.cpu_request > 0 || step.resources.memory_request > 0;
  if (requests && (reserved_ || !fits(step.resources))) {
    reserved_ = true;
    return false;
  }
  if (works) --run_slots_;
  occupy(step, 1);
  return true;
}

std::string Scheduler::never_fits(const pipeline::Resources& resources, const Capacity& capacity) {
  std::string why;
  if (capacity.cpu > 0 && resources.cpu_request > capacity.cpu + kTolerance) {
    why = fmt::format("it requests {} CPUs, and this machine has {}", resources.cpu_request,
                      capacity.cpu);
  }
  if (capacity.memory > 0 && resources.memory_request > capacity.memory) {
    why += fmt::format("{} {} of memory, and this machine has {}",
                       why.empty() ? "it requests" : "; and",
                       format_bytes(resources.memory_request), format_bytes(capacity.memory));
  }
  return why;
}

}  // namespace scanflow::run
