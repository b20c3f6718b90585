// Where clients ask: one address for all services. A service is at /services/NAMESPACE/NAME/v2/..., and,
// where it is the only one, at /v2/... too. Besides: /v2, /v2/health/live, /v2/health/ready, /metrics.
#pragma once

#include <memory>
#include <string>

#include "engine/infer/histogram.hpp"
#include "engine/serve/replicas.hpp"
#include "engine/serve/router.hpp"
#include "engine/serve/scaling.hpp"

namespace scanflow::serve {

struct ServiceName {
  std::string name_space, name;
  auto operator<=>(const ServiceName&) const = default;
};
/// "NAMESPACE/NAME".
inline std::string text_of(const ServiceName& name) { return name.name_space + "/" + name.name; }

/// What may change while it is served.
struct ServiceRules {
  RouterLimits limits;
  ScalingRule scaling;
  double slo_errors = 0;  // the share that may be; 0: none is promised
};

struct BackupCounts {
  std::size_t ready = 0;
  bool answers = false;         // nothing else of the service is ready
  std::uint64_t requests = 0;   // that it was given
  std::uint64_t failovers = 0;  // how often it began to answer
};

struct ServiceCounts {
  std::uint64_t retried = 0;
  std::size_t on_their_way = 0, ready = 0;
  std::size_t wanted = 0;  // replicas
  infer::Histogram total;  // from the request's last byte to the answer, of those with status 200
  std::map<int, std::uint64_t> statuses;
  double slo_errors = 0;
  BackupCounts backup = {};

  std::uint64_t requests() const;  // that were answered
  double errors() const;           // the share of them whose status was 5xx
};

/// Thread-safe, but for its end.
class Front {
 public:
  /// As http::Server::listen, and its errors.
  static Result<std::unique_ptr<Front>> listen(const std::string& address);
  ~Front();

  const std::string& address() const;
  /// Begins to serve it; what is there under that name takes over its document (Replicas::update)
  /// and rules.
  void put(const ServiceName& name, infer::ServiceDocument document, const ServiceRules& rules,
           ReplicasOptions options);
  /// Begins to keep its backup ready, which answers while none of its replicas does, also before
  /// there are any (put); what is there takes over the document.
  void put_backup(const ServiceName& name, infer::ServiceDocument document,
                  const ServiceRules& rules, ReplicasOptions options);
  /// Ends that alone. Blocks.
  void remove_backup(const ServiceName& name);
  /// Of requests that come from now on. The same again changes nothing.
  void set_rules(const ServiceName& name, const ServiceRules& rules);
  /// Ends it: what is on its way is answered first. Blocks.
  void remove(const ServiceName& name);
  /// Null where there is none; stays whole while it is held.
  std::shared_ptr<Replicas> replicas(const ServiceName& name) const;
  std::shared_ptr<Replicas> backup(const ServiceName& name) const;
  ServiceCounts counts(const ServiceName& name) const;

 private:
  struct Impl;
  explicit Front(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace scanflow::serve
