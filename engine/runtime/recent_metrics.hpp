// What the engine knows of its steps from moment to moment: the samples of sidecars, and the metrics
// that steps log, in memory of a fixed size (engine/knowledge). Nothing of it outlives the engine;
// logged metrics are in the store, too: those of a run that goes on are read back from there.
//
// Series have the labels `run`, `step` and `attempt` of the attempt that they are about, and their
// own; those of injected Pods `namespace` too, their `run` is the Pod's uid, their `step` the container. Sidecars' are named as sidecar/collect/metrics.cpp has them; those that a step logs are gauges
// of the name that it gave.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/hub/core.hpp"
#include "engine/knowledge/knowledge.hpp"
#include "sdk/base/label_selector.hpp"
#include "sdk/base/result.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::runtime {

/// All members [any-thread]. Times: wall clock, microseconds since 1970 UTC.
class RecentMetrics {
 public:
  /// Told once of each thing that is refused (of the first hundred): what, the limit, the fix. On the
  /// thread of whoever wrote; must not call back.
  using Warn = std::function<void(const std::string& warning)>;

  explicit RecentMetrics(Warn warn = {}, knowledge::Options options = {});

  // ---- Writing: what hub::HubEvents and the engine hand in
  /// A number under which the samples of this series come; 0: they are not wanted, since there are too many, or it is
  /// of another Pod than its own.
  /// `pod`: the name of an injected one.
  std::uint64_t series(const hub::SidecarKey& from, const protocol::Series& series,
                       std::int64_t now_us, const std::string& pod = "");
  void samples(std::span<const hub::Sample> samples, std::int64_t now_us);
  /// `from`, `pod`: of the sidecar that has brought it, where it is of an injected Pod.
  void logged(const protocol::Metric& metric, std::int64_t now_us, const hub::SidecarKey& from = {},
              const std::string& pod = "");
  /// As Engine::observe.
  void observed(const std::string& name, const Labels& labels, knowledge::Kind kind,
                const knowledge::Sample& sample);
  /// As Engine::watch_samples.
  std::uint64_t watch(std::string name, const Labels& labels,
                      std::function<void(nlohmann::json sample)> tell);
  void unwatch(std::uint64_t number);
  /// To be called each second or so.
  void maintain(std::int64_t now_us);

  // ---- Reading
  /// For queries. Null as long as nothing was written: an engine of short runs pays for none of it.
  const knowledge::Knowledge* knowledge() const { return made_.load(std::memory_order_acquire); }

 private:
  struct Watch {
    std::string name;
    LabelSelector labels;
    std::function<void(nlohmann::json sample)> tell;
  };
  struct Watched {  // a series that somebody watches
    std::string name;
    Labels labels;
    std::vector<std::uint64_t> by;  // watches
  };
  void take(const std::string& name, const Labels& labels, knowledge::Kind kind,
            const knowledge::Sample& sample, std::int64_t now_us);
  void note_all();
  void note(const knowledge::SeriesId& id, const std::string& name, const Labels& labels);
  void tell(const knowledge::SeriesId& id, const knowledge::Sample& sample) const;
  knowledge::Knowledge& writable();
  Result<knowledge::SeriesId> add(const std::string& name, const Labels& labels,
                                  knowledge::Kind kind, std::int64_t now_us);
  void warn(const std::string& what);

  const Warn warn_;
  const knowledge::Options options_;
  std::mutex writing_;  // Knowledge takes one writer at a time, the hub's thread or the strand
  std::unique_ptr<knowledge::Knowledge> knowledge_;
  std::atomic<knowledge::Knowledge*> made_ = nullptr;
  std::uint64_t over_limit_ = 0;  // Usage::refused, as far as it was looked at
  std::set<std::string> warned_;
  std::vector<knowledge::SeriesSample> batch_;  // reused
  std::uint64_t last_watch_ = 0;
  std::size_t noted_ = 100;  // series that were watched when all were noted last
  std::map<std::uint64_t, Watch> watches_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, Watched>
      watched_;  // by series: slot, generation
};

}  // namespace scanflow::runtime
