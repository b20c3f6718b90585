// The attempts that this sidecar watches: their processes, figures, rules, and last minute; and the
// hands by which something is done to them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/unique_fd.hpp"
#include "sidecar/app/launchers.hpp"
#include "sidecar/collect/collector.hpp"
#include "sidecar/collect/rule.hpp"
#include "sidecar/execute/executor.hpp"
#include "sidecar/link/telemetry.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::sidecar {

class Attempts final : public execute::Hands {
 public:
  struct Attempt {
    protocol::Started started;
    std::string offers = "[]";  // as the step said them
    Launchers::Id launcher = 0;
    UniqueFd process;  // a pidfd of the leader: its number may be another one's later
    collect::Collector::Id watched = 0;
    std::vector<collect::RuleWatch> rules;  // of the pipeline first, then the sidecar's own
    std::size_t own_rules = 0;              // from here on they are the sidecar's
    std::optional<double> oom_kills;        // of its cgroup, when it came
    std::optional<std::int64_t> warned_us;  // monotonic: an OOM was foreseen
    nlohmann::json checkpoint;              // the last that was done; null: none
    std::int64_t checkpoint_us = 0;         // monotonic
    std::array<std::uint32_t, collect::kMetrics> series{};  // 0: not named yet
    std::uint32_t paused_series = 0, share_series = 0;
  };
  /// A rule whose condition has come to hold. own: of the sidecar itself, not of the pipeline.
  struct Fired {
    protocol::AttemptId attempt;
    collect::Rule rule;
    collect::Firing firing;
    bool own = false;
  };

  Attempts(collect::Collector& collector, link::TelemetryRing& telemetry, std::string pod)
      : collector_(collector), telemetry_(telemetry), pod_(std::move(pod)) {}
  /// Who tells launchers what.
  void tell_by(std::function<bool(Launchers::Id, protocol::Body)> tell) { tell_ = std::move(tell); }
  /// Who brings files.
  using Bring = std::function<void(std::uint64_t call, const std::vector<Wanted>& files)>;
  void bring_by(Bring bring) { bring_ = std::move(bring); }

  /// `rules`: those of the pipeline, then `own` ones. Gives what is wrong with the former, each a line.
  std::vector<std::string> add(Launchers::Id launcher, const protocol::Started& started,
                               const std::vector<std::string>& rules,
                               const std::vector<std::string>& own);
  void remove(const protocol::AttemptId& id);
  Attempt* find(const protocol::AttemptId& id);
  const std::map<protocol::AttemptId, Attempt>& all() const { return attempts_; }
  std::vector<protocol::AttemptId> of(Launchers::Id launcher) const;

  /// Reads all that is due, hands it on as telemetry, and gives the rules that have fired.
  std::vector<Fired> sample(const execute::Executor& executor, execute::Now now);
  /// A sampled one of the step itself: telemetry, which may be dropped.
  void metric(const protocol::Metric& metric);
  /// JSON object; `result`: what its launcher knows of its end.
  nlohmann::json post_mortem(const Attempt& attempt, const protocol::Result& result,
                             execute::Now now) const;

  // Hands
  Sent signal(const protocol::AttemptId& attempt, int number) override;
  Sent signal_leader(const protocol::AttemptId& attempt, int number) override;
  Result<void> ask(const protocol::AttemptId& attempt, std::uint64_t call, const std::string& name,
                   const std::string& arguments) override;
  nlohmann::json dump(const protocol::AttemptId& attempt) override;
  Result<void> bring(std::uint64_t call, const std::vector<Wanted>& files) override;
  std::optional<File> look_at(const protocol::AttemptId& attempt, const std::string& path) override;

 private:
  void send(Attempt& attempt, const execute::Executor& executor, std::int64_t wall_us);
  link::TelemetryRing::Labels labels_of(const protocol::AttemptId& id) const;

  collect::Collector& collector_;
  link::TelemetryRing& telemetry_;
  const std::string pod_;
  std::function<bool(Launchers::Id, protocol::Body)> tell_;
  Bring bring_;
  std::map<protocol::AttemptId, Attempt> attempts_;
};

}  // namespace scanflow::sidecar
