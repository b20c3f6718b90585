#include "engine/infer/figures.hpp"

#include <fmt/format.h>

namespace scanflow::infer {
namespace {

using Labels = std::map<std::string, std::string>;

double number(std::uint64_t value) { return static_cast<double>(value); }

}  // namespace

void add_histogram(std::vector<Figure>& figures, const std::string& name, const Labels& labels,
                   const Histogram& histogram) {
  constexpr double kSecond = 1e6;
  for (const std::int64_t bound : kHistogramBounds) {
    Labels with = labels;
    with["le"] = fmt::format("{}", static_cast<double>(bound) / kSecond);
    figures.push_back({name + "_bucket", std::move(with), number(histogram.at_most(bound))});
  }
  Labels with = labels;
  with["le"] = "+Inf";
  figures.push_back({name + "_bucket", std::move(with), number(histogram.count())});
  figures.push_back({name + "_sum", labels, number(histogram.sum_us()) / kSecond});
  figures.push_back({name + "_count", labels, number(histogram.count())});
}

std::vector<Figure> figures_of(const ServiceStatus& status) {
  std::vector<Figure> figures;
  for (const auto& [outcome, count] :
       {std::pair{"answered", status.answered}, std::pair{"failed", status.failed},
        std::pair{"refused", status.refused}, std::pair{"expired", status.expired}}) {
    figures.push_back({"inference_requests_total", {{"outcome", outcome}}, number(count)});
  }
  figures.push_back({"inference_in_flight", {}, number(status.requests)});
  add_histogram(figures, "inference_seconds", {}, status.total);
  for (const NodeStatus& node : status.nodes) {
    add_histogram(figures, "inference_queue_seconds", {{"node", node.name}}, node.queued);
    for (const VersionStatus& version : node.versions) {
      add_histogram(figures, "inference_call_seconds",
                    {{"node", node.name}, {"version", version.share.version}}, version.call);
    }
  }
  return figures;
}

std::vector<Figure> changed(const std::vector<Figure>& before, const std::vector<Figure>& now) {
  std::vector<Figure> changed;
  for (std::size_t i = 0; i < now.size(); ++i) {
    const bool same = i < before.size() && before[i] == now[i];
    if (!same || now[i].name == "inference_in_flight") changed.push_back(now[i]);
  }
  return changed;
}

}  // namespace scanflow::infer
