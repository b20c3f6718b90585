#include "engine/pipeline/service_change.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace scanflow::pipeline {
namespace {

json version_json(const ServiceVersion& version) {
  return {{"model", version.model}, {"weight", version.weight}, {"shadow", version.shadow}};
}

/// The node of that name; of "" the only one with a model.
Result<const ServiceNode*> node_of(const ServiceSpec& spec, const std::string& name) {
  std::vector<const ServiceNode*> models;
  std::vector<std::string> names;
  for (const ServiceNode& each : spec.graph) {
    if (each.type != "MODEL") continue;
    if (each.name == name) return &each;
    models.push_back(&each);
    names.push_back(each.name);
  }
  if (name.empty() && models.size() == 1) return models.front();
  return fail(fmt::format("service {}/{} has {}; nodes with models: {}", spec.name_space, spec.name,
                          name.empty() ? "no, or several, nodes with models: say 'node'"
                                       : fmt::format("no node '{}'", name),
                          fmt::join(names, ", ")));
}

}  // namespace

json to_json(const ServiceChange& change) {
  json traffic = json::object();
  for (const auto& [node, versions] : change.traffic)
    for (const ServiceVersion& each : versions) traffic[node].push_back(version_json(each));
  return {{"version", change.version},
          {"replicas", change.replicas ? json(*change.replicas) : json()},
          {"traffic", std::move(traffic)}};
}

ServiceChange service_change_from_json(const json& document) {
  ServiceChange change;
  if (!document.is_object()) return change;
  change.version = document.value("version", 0U);
  if (const json replicas = document.value("replicas", json()); replicas.is_number_unsigned())
    change.replicas = replicas;
  const json traffic = document.value("traffic", json::object());
  for (const auto& [node, versions] : traffic.items())
    for (const json& each : versions)
      change.traffic[node].push_back(
          {each.value("model", ""), each.value("weight", 1.0), each.value("shadow", false), {}});
  return change;
}

Result<void> scale_service(ServiceChange& change, const json& args) {
  change.replicas = args.at("replicas").get<std::uint32_t>();
  return {};
}

Result<void> set_service_traffic(ServiceChange& change, const ServiceSpec& spec, const json& args) {
  const auto node = node_of(spec, args.value("node", ""));
  if (!node) return tl::unexpected(node.error());
  std::vector<ServiceVersion> versions;
  double sum = 0;
  for (const json& each : args.at("versions")) {
    const std::string model = each.at("model");
    if (std::any_of(versions.begin(), versions.end(),
                    [&](const ServiceVersion& other) { return other.model == model; }))
      return fail(fmt::format("versions: {} comes twice", model));
    versions.push_back({model, each.value("weight", 1.0), each.value("shadow", false), {}});
    if (!versions.back().shadow) sum += versions.back().weight;
  }
  if (!(sum > 0))
    return fail("versions: none of them has a weight above 0: no request could be answered");
  change.traffic[(*node)->name] = std::move(versions);
  return {};
}

ServiceSpec changed(ServiceSpec spec, const ServiceChange& change) {
  if (change.replicas) {
    const bool by_itself = spec.most_replicas > spec.replicas;
    spec.replicas = *change.replicas;
    spec.most_replicas = by_itself ? std::max(spec.most_replicas, spec.replicas) : spec.replicas;
  }
  for (ServiceNode& node : spec.graph) {
    const auto found = change.traffic.find(node.name);
    if (found == change.traffic.end()) continue;
    const Location at = node.versions.front().at;
    node.versions = found->second;
    for (ServiceVersion& each : node.versions) each.at = at;
  }
  return spec;
}

}  // namespace scanflow::pipeline
