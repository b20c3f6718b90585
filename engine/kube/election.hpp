// One of several processes is the leader: it holds a Lease of the API server, which it renews. What is decided, pure:
// it is told the time of this machine's monotonic clock, and never trusts another's (as client-go's
// leaderelection does it).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace scanflow::kube {

struct ElectionTimes {
  /// Others take over when nothing was heard of its holder for so long.
  std::int64_t lease_us = 15'000'000;
  /// The holder stops acting when it could not renew it for so long: before others may begin.
  std::int64_t renew_us = 10'000'000;
  /// Between two tries.
  std::int64_t retry_us = 2'000'000;
};

class Election {
 public:
  Election(std::string identity, ElectionTimes times)
      : identity_(std::move(identity)), times_(times) {}

  /// The Lease as it is read now; null: there is none. What to write instead; nothing: somebody else has it.
  std::optional<nlohmann::json> claim(const nlohmann::json& lease, std::int64_t now_us,
                                      std::int64_t wall_us);
  /// What was claimed is written: `now_us` is when that was begun, not when it was answered.
  void written(const nlohmann::json& lease, std::int64_t now_us);

  /// May this process act? Also without any answer: until it could not renew for too long.
  bool leads(std::int64_t now_us) const { return held_us_ && now_us - *held_us_ < times_.renew_us; }
  /// Grows with each new holder: what an earlier one still wants to do can be told by it.
  std::int64_t term() const { return term_; }
  /// Who has it, as was read last; empty: nobody.
  const std::string& holder() const { return holder_; }
  /// So that the next one need not wait; of a Lease that this process holds.
  static nlohmann::json released(nlohmann::json lease, std::int64_t wall_us);

 private:
  const std::string identity_;
  const ElectionTimes times_;
  std::string seen_;                     // the Lease as it was read last
  std::int64_t seen_us_ = 0;             // since when it is as it is
  std::optional<std::int64_t> held_us_;  // renewed last
  std::int64_t term_ = 0;
  std::string holder_;
};

}  // namespace scanflow::kube
