#include "engine/serve/metrics.hpp"

#include <fmt/format.h>

#include "engine/infer/prometheus.hpp"

namespace scanflow::serve {

std::string metrics_text(const std::vector<std::pair<ServiceName, ServiceCounts>>& services) {
  std::string requests = "# TYPE scanflow_service_requests_total counter\n";
  std::string now = "# TYPE scanflow_service_in_flight gauge\n";
  std::string ready = "# TYPE scanflow_service_replicas_ready gauge\n";
  std::string wanted = "# TYPE scanflow_service_replicas_wanted gauge\n";
  std::string retried = "# TYPE scanflow_service_retries_total counter\n";
  std::string errors = "# TYPE scanflow_service_errors_ratio gauge\n";
  std::string promised = "# TYPE scanflow_service_slo_errors_ratio gauge\n";
  std::string backup = "# TYPE scanflow_service_backup_requests_total counter\n";
  std::string failovers = "# TYPE scanflow_service_failovers_total counter\n";
  std::string seconds = "# TYPE scanflow_service_seconds histogram\n";
  for (const auto& [name, counts] : services) {
    const std::string of =
        fmt::format("namespace=\"{}\",service=\"{}\"", name.name_space, name.name);
    for (const auto& [status, count] : counts.statuses) {
      requests +=
          fmt::format("scanflow_service_requests_total{{{},code=\"{}\"}} {}\n", of, status, count);
    }
    now += fmt::format("scanflow_service_in_flight{{{}}} {}\n", of, counts.on_their_way);
    ready += fmt::format("scanflow_service_replicas_ready{{{}}} {}\n", of, counts.ready);
    wanted += fmt::format("scanflow_service_replicas_wanted{{{}}} {}\n", of, counts.wanted);
    retried += fmt::format("scanflow_service_retries_total{{{}}} {}\n", of, counts.retried);
    errors += fmt::format("scanflow_service_errors_ratio{{{}}} {}\n", of, counts.errors());
    if (counts.slo_errors > 0) {
      promised +=
          fmt::format("scanflow_service_slo_errors_ratio{{{}}} {}\n", of, counts.slo_errors);
    }
    backup += fmt::format("scanflow_service_backup_requests_total{{{}}} {}\n", of,
                          counts.backup.requests);
    failovers +=
        fmt::format("scanflow_service_failovers_total{{{}}} {}\n", of, counts.backup.failovers);
    infer::append_histogram(seconds, "scanflow_service_seconds", of, counts.total);
  }
  return requests + now + ready + wanted + retried + errors + promised + backup + failovers +
         seconds;
}

}  // namespace scanflow::serve
