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

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
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
  const std::string of = fmt::format("service=\"{}\"", escaped(service));
  std::string out = "# TYPE scanflow_inference_requests_total counter\n";
  for (const auto& [outcome, count] :
       {std::pair{"answered", status.answered}, std::pair{"failed", status.failed},
        std::pair{"refused", status.refused}, std::pair{"expired", status.expired}}) {
    out += fmt::format("scanflow_inference_requests_total{{{},outcome=\"{}\"}} {}\n", of, outcome,
                       count);
  }
  out += "# TYPE scanflow_inference_in_flight gauge\n";
  out += fmt::format("scanflow_inference_in_flight{{{}}} {}\n", of, status.requests);
  out += "# TYPE scanflow_inference_seconds histogram\n";
  append_histogram(out, "scanflow_inference_seconds", of, status.total);
  out += "# TYPE scanflow_inference_queue_seconds histogram\n";
  for (const NodeStatus& node : status.nodes) {
    append_histogram(out, "scanflow_inference_queue_seconds",
                     fmt::format("{},node=\"{}\"", of, escaped(node.name)), node.queued);
  }
  out += "# TYPE scanflow_inference_call_seconds histogram\n";
  for (const NodeStatus& node : status.nodes) {
    for (const VersionStatus& version : node.versions) {
      append_histogram(out, "scanflow_inference_call_seconds",
                       fmt::format("{},node=\"{}\",version=\"{}\"", of, escaped(node.name),
                                   escaped(version.share.version)),
                       version.call);
    }
  }
  return out;
}

}  // namespace scanflow::infer
