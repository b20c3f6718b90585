#include <fmt/format.h>

#include "engine/infer/control.hpp"
#include "engine/infer/prometheus.hpp"

namespace scanflow::infer {
namespace {

json histogram_json(const Histogram& histogram) {
  return {{"count", histogram.count()},         {"sum_us", histogram.sum_us()},
          {"p50_us", histogram.quantile(0.5)},  {"p90_us", histogram.quantile(0.9)},
          {"p99_us", histogram.quantile(0.99)}, {"max_us", histogram.quantile(1)}};
}

json version_json(const VersionStatus& version) {
  json row = {{"version", version.share.version},
              {"weight", version.share.weight},
              {"shadow", version.share.shadow},
              {"requests", version.requests},
              {"failures", version.failures},
              {"calls", version.calls},
              {"rows", version.rows},
              {"call", histogram_json(version.call)}};
  if (version.compared != 0) {
    row["compared"] = version.compared;
    row["alike"] = version.alike;
  }
  return row;
}

}  // namespace

json status_json(const ServiceStatus& status) {
  json nodes = json::array();
  for (const NodeStatus& node : status.nodes) {
    json versions = json::array();
    for (const VersionStatus& version : node.versions) versions.push_back(version_json(version));
    nodes.push_back({{"name", node.name},
                     {"type", std::string(name(node.type))},
                     {"versions", versions},
                     {"queued", histogram_json(node.queued)}});
  }
  return {{"nodes", nodes},
          {"requests", status.requests},
          {"answered", status.answered},
          {"failed", status.failed},
          {"refused", status.refused},
          {"expired", status.expired},
          {"total", histogram_json(status.total)}};
}

std::string metrics_text(const std::string& service, const ServiceStatus& status) {
  std::vector<Figure> figures = figures_of(status);
  for (Figure& figure : figures) figure.labels["service"] = service;
  return prometheus_text(figures);
}

}  // namespace scanflow::infer
