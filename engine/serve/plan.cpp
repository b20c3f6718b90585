#include "engine/serve/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/http/client.hpp"

namespace scanflow::serve {
namespace {

using nlohmann::json;

/// As Kubernetes has it. It is in the service's Pod, and ready where it says so.
json container_of(const pipeline::ServiceNode& node, std::size_t index) {
  const pipeline::ServiceContainer& from = *node.container;
  json container = {{"name", fmt::format("node-{}", index)},
                    {"image", from.image},
                    {"ports", json::array({{{"containerPort", from.port}, {"protocol", "TCP"}}})},
                    {"readinessProbe",
                     {{"httpGet", {{"path", "/v2/health/ready"}, {"port", from.port}}},
                      {"periodSeconds", 2},
                      {"timeoutSeconds", 5},
                      {"failureThreshold", 3}}}};
  if (!from.command.empty()) container["command"] = from.command;
  if (!from.args.empty()) container["args"] = from.args;
  for (const auto& [name, value] : from.env)
    container["env"].push_back({{"name", name}, {"value", value}});
  container["resources"]["requests"]["cpu"] = fmt::format("{}m", std::ceil(from.cpus * 1000));
  if (from.memory > 0) {
    container["resources"]["requests"]["memory"] = std::to_string(from.memory);
    container["resources"]["limits"]["memory"] = std::to_string(from.memory);
  }
  return container;
}

Result<infer::NodeDocument> plan_node(const pipeline::ServiceSpec& spec,
                                      const pipeline::ServiceNode& node, std::size_t index,
                                      const loader::Catalog& catalog, const FindModel& find) {
  infer::NodeDocument out;
  out.node = {node.name, *infer::node_type_of(node.type), node.needs};
  if (node.container) out.container = container_of(node, index);
  const std::string url =
      node.container ? fmt::format("http://127.0.0.1:{}/v2/models/{}", node.container->port,
                                   http::percent_encoded(node.container->model))
                     : node.url;
  if (!url.empty()) {
    out.remote = infer::RemoteDocument{url, spec.timeout_us};
    out.versions = {{{"1", 1, false}, "", "", false}};
    return out;
  }
  out.uses = node.uses;
  out.with = node.with;
  const loader::PluginInfo* const plugin = catalog.find(node.uses);
  if (plugin == nullptr) return fail(fmt::format("the plugin '{}' is not there", node.uses));
  out.library = plugin->library.string();
  for (const pipeline::ServiceVersion& version : node.versions) {
    infer::VersionDocument planned;
    planned.share = {"1", version.weight, version.shadow};
    if (!version.model.empty()) {
      auto found = find(version.model);
      if (!found) {
        return fail(fmt::format("{}:{}:{}: the node '{}': {}", spec.file, version.at.line,
                                version.at.column, node.name, found.error().message));
      }
      planned.share.version = std::move(found->version);
      planned.model = std::move(found->path);
      planned.sha256 = std::move(found->sha256);
      planned.directory = found->directory;
    }
    const bool twice = std::any_of(out.versions.begin(), out.versions.end(),
                                   [&](const infer::VersionDocument& other) {
                                     return other.share.version == planned.share.version;
                                   });
    if (twice) {
      return fail(fmt::format("{}:{}:{}: the node '{}' has version {} twice", spec.file,
                              version.at.line, version.at.column, node.name,
                              planned.share.version));
    }
    out.versions.push_back(std::move(planned));
  }
  return out;
}

}  // namespace

Result<infer::ServiceDocument> plan_service(const pipeline::ServiceSpec& spec,
                                            const loader::Catalog& catalog, const FindModel& find) {
  infer::ServiceDocument document;
  document.name = spec.name;
  document.id = spec.name_space + "/" + spec.name;
  document.threads = static_cast<std::uint32_t>(std::ceil(spec.cpus));
  document.cpus = spec.cpus;
  document.memory = spec.memory;
  document.limits.batch_rows = spec.batch_rows;
  document.limits.batch_delay_us = spec.batch_delay_us;
  document.limits.requests = spec.queue;
  for (const pipeline::ServiceNode& node : spec.graph) {
    auto planned = plan_node(spec, node, document.nodes.size(), catalog, find);
    if (!planned) return tl::unexpected(planned.error());
    document.nodes.push_back(std::move(*planned));
  }
  return document;
}

Result<std::optional<infer::ServiceDocument>> plan_backup(const pipeline::ServiceSpec& spec,
                                                          const loader::Catalog& catalog,
                                                          const FindModel& find) {
  if (!spec.backup) return std::nullopt;
  pipeline::ServiceSpec changed = spec;
  for (pipeline::ServiceNode& node : changed.graph)
    if (node.name == spec.backup->node) node.versions = {spec.backup->version};
  auto planned = plan_service(changed, catalog, find);
  if (!planned) return fail("the backup cannot be served: " + planned.error().message);
  return std::move(*planned);
}

Result<void> check_processes(const infer::ServiceDocument& document) {
  for (const infer::NodeDocument& node : document.nodes) {
    if (node.container.is_null()) continue;
    return fail(fmt::format(
        "the node '{}' is a container, and services are processes here: serve it in a "
        "cluster (server --services-on kubernetes, or podman), or run its image yourself and name "
        "where it listens (url: http://HOST:PORT/v2/models/NAME)",
        node.node.name));
  }
  return {};
}

ServiceRules rules_of(const pipeline::ServiceSpec& spec) {
  ServiceRules rules;
  rules.limits.requests = spec.queue;
  rules.limits.timeout =
      std::chrono::milliseconds(std::max<std::int64_t>(1, spec.timeout_us / 1000));
  rules.limits.retries = spec.retries;
  rules.scaling = {spec.replicas, spec.most_replicas, spec.scaling_target,
                   spec.scaling_stabilization_us};
  rules.slo_errors = spec.slo_errors;
  return rules;
}

}  // namespace scanflow::serve
