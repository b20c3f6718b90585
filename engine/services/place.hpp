// Where services run: as processes or Pods of this machine, or as Pods of a cluster.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "engine/infer/document.hpp"
#include "engine/pipeline/service_spec.hpp"
#include "engine/serve/front.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::services {

using nlohmann::json;

/// Changes come from one thread, but set_versions; meanwhile nothing else of that service changes. The rest [any-thread].
class Place {
 public:
  virtual ~Place() = default;

  /// Begins to serve it, or takes over what is new of it without a gap.
  virtual Result<void> put(const serve::ServiceName& name, const pipeline::ServiceSpec& spec,
                           const infer::ServiceDocument& document) = 0;
  /// What answers while none of its replicas does, be it before there are any (put); none: nothing does.
  virtual Result<void> set_backup(const serve::ServiceName& name, const pipeline::ServiceSpec& spec,
                                  const std::optional<infer::ServiceDocument>& backup) = 0;
  /// Nothing is new but what may change while it is served: limits, scaling. The same again changes nothing.
  virtual Result<void> set_rules(const serve::ServiceName& name,
                                 const pipeline::ServiceSpec& spec) = 0;
  /// Nothing is new but the versions of this node: gives how long the slowest switch took, in microseconds; none: no
  /// replica is ready, and those that come are given them. An error: they cannot be loaded, and nothing has changed.
  /// Blocks.
  virtual Result<std::optional<std::int64_t>> set_versions(const serve::ServiceName& name,
                                                           const infer::NodeDocument& node) = 0;
  virtual void remove(const serve::ServiceName& name) = 0;
  /// What an earlier server has left of others goes. An error: it is to be asked again. Blocks.
  virtual Result<void> keep(const std::set<serve::ServiceName>& names) = 0;

  /// {"url", "replicas" (as many as are wanted now), "ready"}, and what is known besides: "requests", "errors" (the
  /// share of them), "in_flight", "p50_us", "p99_us"; "backup": {"ready", "answers", "requests", "failovers"}.
  virtual json describe(const serve::ServiceName& name) const = 0;
  /// [{"id", "state": starting | ready | ending, ...}]. Blocks.
  virtual json processes(const serve::ServiceName& name) const = 0;
  /// The last lines, each with the process before it. Blocks.
  virtual std::string logs(const serve::ServiceName& name) const = 0;
  /// The engine is about to end.
  virtual void forget_engine() {}
};

}  // namespace scanflow::services
