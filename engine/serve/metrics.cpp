#include "engine/serve/metrics.hpp"

#include "engine/infer/prometheus.hpp"

namespace scanflow::serve {

std::string metrics_text(const std::vector<std::pair<ServiceName, ServiceCounts>>& services) {
  std::vector<infer::Figure> figures;
  for (const auto& [name, counts] : services) {
    const std::map<std::string, std::string> of = {{"namespace", name.name_space},
                                                   {"service", name.name}};
    const auto add = [&](const char* what, auto value) {
      figures.push_back({what, of, static_cast<double>(value)});
    };
    for (const auto& [status, count] : counts.statuses) {
      add("service_requests_total", count);
      figures.back().labels["code"] = std::to_string(status);
    }
    add("service_in_flight", counts.on_their_way);
    add("service_replicas_ready", counts.ready);
    add("service_replicas_wanted", counts.wanted);
    add("service_retries_total", counts.retried);
    add("service_errors_ratio", counts.errors());
    if (counts.slo_errors > 0) add("service_slo_errors_ratio", counts.slo_errors);
    add("service_backup_requests_total", counts.backup.requests);
    add("service_failovers_total", counts.backup.failovers);
    infer::add_histogram(figures, "service_seconds", of, counts.total);
  }
  return infer::prometheus_text(figures);
}

}  // namespace scanflow::serve
