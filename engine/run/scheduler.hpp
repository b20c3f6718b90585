// What attempts of all runs may take of one machine.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "engine/run/machine.hpp"

namespace scanflow::run {

/// Of a machine, or of the cgroup that this process may not leave.
struct Capacity {
  std::uint32_t jobs = 1;    // attempts at once
  double cpu = 0;            // processors; 0: not known, no limit
  std::uint64_t memory = 0;  // bytes; 0: not known, no limit
};

/// For one round of decisions: told what runs, then asked by each run in turn, the one that comes
/// first first. Steps that call a pipeline take nothing themselves. Steps that request nothing are
/// limited by `jobs` alone; each rank of a gang counts. Where a step does not fit, what others after it
/// request stays free for it, so that small ones cannot starve it.
class Scheduler final : public Admission {
 public:
  explicit Scheduler(const Capacity& capacity) : capacity_(capacity) {}

  /// `elsewhere`, here and below: on other machines, which look after their own limits; pools count.
  void add(const Running& running, bool elsewhere = false);
  /// The run that asks from now on may start this many.
  void next_run(std::uint32_t slots, bool elsewhere = false);
  bool take(const pipeline::Step& step) override;
  bool has_room(const pipeline::Step& step) const override;

  /// Why the step can never start on such a machine, and the fix; or "".
  static std::string never_fits(const pipeline::Step& step, const Capacity& capacity);
  /// Why two attempts of it can never run there at once, or "".
  static std::string never_fits_twice(const pipeline::Step& step, const Capacity& capacity);

 private:
  bool has_slots(const pipeline::Step& step) const;
  bool fits(const pipeline::Step& step) const;
  void occupy(const pipeline::Step& step, std::uint32_t count, bool elsewhere);

  const Capacity capacity_;
  std::uint32_t jobs_ = 0;    // that run
  double cpu_ = 0;            // that these request
  std::uint64_t memory_ = 0;  // the same
  std::uint32_t run_slots_ = 0;
  bool elsewhere_ = false;
  bool reserved_ = false;
  std::map<std::string, std::uint32_t> pools_;  // attempts in flight
};

}  // namespace scanflow::run
