#include "engine/run/scheduler.hpp"

#include <fmt/format.h>

#include "sdk/base/units.hpp"

namespace scanflow::run {
namespace {

constexpr double kTolerance = 1e-9;  // sums of tenths

}  // namespace

void Scheduler::occupy(const pipeline::Step& step, std::uint32_t count, bool elsewhere) {
  if (!step.pool.name.empty()) pools_[step.pool.name] += count;
  if (elsewhere) return;
  count *= step.replicas;
  if (step.uses != "pipeline") jobs_ += count;
  cpu_ += step.resources.cpu_request * count;
  memory_ += step.resources.memory_request * count;
}

void Scheduler::add(const Running& running, bool elsewhere) {
  occupy(*running.like, running.count, elsewhere);
}

void Scheduler::next_run(std::uint32_t slots, bool elsewhere) {
  run_slots_ = slots;
  elsewhere_ = elsewhere;
}

bool Scheduler::fits(const pipeline::Step& step) const {
  const double cpu = step.resources.cpu_request * step.replicas;
  const std::uint64_t memory = step.resources.memory_request * step.replicas;
  const bool cpu_fits = capacity_.cpu <= 0 || cpu <= 0 || cpu_ + cpu <= capacity_.cpu + kTolerance;
  const bool memory_fits =
      capacity_.memory == 0 || memory == 0 || memory_ + memory <= capacity_.memory;
  return cpu_fits && memory_fits;
}

bool Scheduler::take(const pipeline::Step& step) {
  const bool works = step.uses != "pipeline";
  if (!step.pool.name.empty() && pools_[step.pool.name] >= step.pool.limit) return false;
  if (works && run_slots_ < step.replicas) {
    run_slots_ = 0;  // small ones would starve a gang
    return false;
  }
  if (works && !elsewhere_ && jobs_ + step.replicas > capacity_.jobs) {
    jobs_ = capacity_.jobs;  // the same
    return false;
  }
  const bool requests = step.resources.cpu_request > 0 || step.resources.memory_request > 0;
  if (requests && !elsewhere_ && (reserved_ || !fits(step))) {
    reserved_ = true;
    return false;
  }
  if (works) run_slots_ -= step.replicas;
  occupy(step, 1, elsewhere_);
  return true;
}

std::string Scheduler::never_fits(const pipeline::Step& step, const Capacity& capacity) {
  if (step.replicas > capacity.jobs) {
    return fmt::format("its {} replicas start together, and {} at once may run; give -j {} or more",
                       step.replicas, capacity.jobs, step.replicas);
  }
  const double cpu = step.resources.cpu_request * step.replicas;
  const std::uint64_t memory = step.resources.memory_request * step.replicas;
  std::string why;
  if (capacity.cpu > 0 && cpu > capacity.cpu + kTolerance)
    why = fmt::format("it requests {} CPUs, and this machine has {}", cpu, capacity.cpu);
  if (capacity.memory > 0 && memory > capacity.memory) {
    why += fmt::format("{} {} of memory, and this machine has {}",
                       why.empty() ? "it requests" : "; and", format_bytes(memory),
                       format_bytes(capacity.memory));
  }
  if (why.empty()) return {};
  if (step.replicas > 1) why += fmt::format(" ({} replicas)", step.replicas);
  return why + "; lower its requests (or limits, which they follow)";
}

}  // namespace scanflow::run
