#include "engine/run/scheduler.hpp"

#include <fmt/format.h>

#include "sdk/base/units.hpp"

namespace scanflow::run {
namespace {

constexpr double kTolerance = 1e-9;  // sums of tenths

bool requests(const pipeline::Step& step) {
  return step.resources.cpu_request > 0 || step.resources.memory_request > 0;
}

/// "4 CPUs, and this machine has 2; and 3.0 GiB of memory, and ...": what is too much; or "".
std::string too_much(double cpu, std::uint64_t memory, const Capacity& capacity) {
  std::string why;
  if (capacity.cpu > 0 && cpu > capacity.cpu + kTolerance)
    why = fmt::format("{} CPUs, and this machine has {}", cpu, capacity.cpu);
  if (capacity.memory > 0 && memory > capacity.memory) {
    why += fmt::format("{}{} of memory, and this machine has {}", why.empty() ? "" : "; and ",
                       format_bytes(memory), format_bytes(capacity.memory));
  }
  return why;
}

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

/// Of the run, and of the machine.
bool Scheduler::has_slots(const pipeline::Step& step) const {
  if (step.uses == "pipeline") return true;
  return run_slots_ >= step.replicas && (elsewhere_ || jobs_ + step.replicas <= capacity_.jobs);
}

bool Scheduler::has_room(const pipeline::Step& step) const {
  const auto pool = pools_.find(step.pool.name);
  if (pool != pools_.end() && pool->second >= step.pool.limit) return false;
  return has_slots(step) && (elsewhere_ || !requests(step) || (!reserved_ && fits(step)));
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
  if (requests(step) && !elsewhere_ && (reserved_ || !fits(step))) {
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
  const std::string much = too_much(step.resources.cpu_request * step.replicas,
                                    step.resources.memory_request * step.replicas, capacity);
  if (much.empty()) return {};
  const std::string ranks =
      step.replicas > 1 ? fmt::format(" ({} replicas)", step.replicas) : std::string();
  return fmt::format("it requests {}{}; lower its requests (or limits, which they follow)", much,
                     ranks);
}

std::string Scheduler::never_fits_twice(const pipeline::Step& step, const Capacity& capacity) {
  if (capacity.jobs < 2) return "1 at once may run; give -j 2 or more";
  const std::string much =
      too_much(step.resources.cpu_request * 2, step.resources.memory_request * 2, capacity);
  if (much.empty()) return {};
  return fmt::format("both would request {}; lower its requests (or limits, which they follow)",
                     much);
}

}  // namespace scanflow::run
