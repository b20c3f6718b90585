// What the steps of a namespace may ask for at the same time, by its team's quota. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "engine/pipeline/applications.hpp"
#include "engine/run/machine.hpp"

namespace scanflow::runtime {

/// What the attempts in flight of a namespace have asked for.
struct InFlight {
  double cpus = 0;
  std::uint64_t memory = 0;  // bytes
  std::uint32_t gpus = 0;
};

/// For one round of decisions, as run::Scheduler: told what runs, then asked. Steps that ask for
/// nothing are not held back. Where a step does not fit, what others after it ask for stays free
/// for it, so that small ones cannot starve it.
class Quotas {
 public:
  explicit Quotas(std::shared_ptr<const pipeline::Applications> applications)
      : applications_(std::move(applications)) {}

  void add(const std::string& name_space, const run::Running& running);
  bool has_room(const std::string& name_space, const pipeline::Step& step) const;
  /// "": it fits now. Else what of the quota it waits for; its room is kept free from now on.
  std::string waits(const std::string& name_space, const pipeline::Step& step);
  /// "": it fits once others have ended. Else why it never does, under a quota that was lowered since
  /// its run began; nothing is kept free for such a one.
  std::string never(const std::string& name_space, const pipeline::Step& step) const;
  void occupy(const std::string& name_space, const pipeline::Step& step, std::uint32_t count = 1);
  InFlight of(const std::string& name_space) const;

 private:
  struct Share {
    InFlight in_flight;
    std::string reserved;  // why a step has waited in this round
  };
  std::shared_ptr<const pipeline::Applications> applications_;
  std::map<std::string, Share> shares_;
};

/// What a run of a namespace may start: within its quota, and as `inner` says. Neither keeps room free
/// for what the other would not let start.
class WithinQuota final : public run::Admission {
 public:
  WithinQuota(run::Admission& inner, Quotas& quotas, std::string name_space)
      : inner_(inner), quotas_(quotas), name_space_(std::move(name_space)) {}
  bool take(const pipeline::Step& step) override;
  bool has_room(const pipeline::Step& step) const override;
  /// For what of the quota the first step that was refused waits; "": for none of it.
  const std::string& waits() const { return waits_; }

 private:
  run::Admission& inner_;
  Quotas& quotas_;
  std::string name_space_, waits_;
};

}  // namespace scanflow::runtime
