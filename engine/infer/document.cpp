#include "engine/infer/document.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace scanflow::infer {
namespace {

constexpr std::size_t kMaxVersions = 16;

json node_json(const NodeDocument& node) {
  json row = {{"name", node.node.name},
              {"type", std::string(name(node.node.type))},
              {"needs", node.node.needs},
              {"uses", node.uses},
              {"library", node.library},
              {"with", node.with},
              {"versions", to_json(node.versions)}};
  if (node.remote)
    row["remote"] = {{"url", node.remote->url}, {"timeout_us", node.remote->timeout_us}};
  if (!node.container.is_null()) row["container"] = node.container;
  return row;
}

/// Throws json::exception or std::invalid_argument.
VersionDocument read_version(const json& row) {
  VersionDocument version;
  version.share.version = row.at("version");
  version.share.weight = row.value("weight", 0.0);
  version.share.shadow = row.value("shadow", false);
  version.model = row.value("model", "");
  version.sha256 = row.value("sha256", "");
  version.directory = row.value("directory", false);
  if (version.share.version.empty()) throw std::invalid_argument("a version has a name");
  if (!(version.share.weight >= 0) || version.share.weight > 1e6)
    throw std::invalid_argument("a weight is 0 to 1000000");
  return version;
}

std::vector<VersionDocument> read_versions(const json& rows) {
  std::vector<VersionDocument> versions;
  if (!rows.is_array() || rows.empty() || rows.size() > kMaxVersions)
    throw std::invalid_argument(fmt::format("versions are a list of 1 to {}", kMaxVersions));
  versions.reserve(rows.size());
  for (const json& row : rows) {
    versions.push_back(read_version(row));
    for (std::size_t i = 0; i + 1 < versions.size(); ++i) {
      if (versions[i].share.version == versions.back().share.version) {
        throw std::invalid_argument(
            fmt::format("the version '{}' comes twice", versions[i].share.version));
      }
    }
  }
  return versions;
}

NodeDocument read_node(const json& row) {
  NodeDocument node;
  node.node.name = row.at("name");
  const std::string type = row.at("type");
  const auto known = node_type_of(type);
  if (!known) throw std::invalid_argument("unknown type of node '" + type + "'");
  node.node.type = *known;
  node.node.needs = row.at("needs").get<std::vector<std::string>>();
  node.uses = row.at("uses");
  node.library = row.at("library");
  node.with = row.at("with");
  if (row.contains("remote"))
    node.remote = {row["remote"].at("url"), row["remote"].at("timeout_us")};
  node.container = row.value("container", json());
  if (const json& versions = row.at("versions"); versions != json::array())
    node.versions = read_versions(versions);
  return node;
}

}  // namespace

json to_json(const std::vector<VersionDocument>& versions) {
  json rows = json::array();
  for (const VersionDocument& version : versions) {
    rows.push_back({{"version", version.share.version},
                    {"weight", version.share.weight},
                    {"shadow", version.share.shadow},
                    {"model", version.model}});
    if (version.sha256.empty()) continue;
    rows.back()["sha256"] = version.sha256;
    rows.back()["directory"] = version.directory;
  }
  return rows;
}

json to_json(const ServiceDocument& document) {
  json nodes = json::array();
  for (const NodeDocument& node : document.nodes) nodes.push_back(node_json(node));
  return {{"name", document.name},
          {"id", document.id},
          {"nodes", nodes},
          {"batch",
           {{"rows", document.limits.batch_rows}, {"delay_us", document.limits.batch_delay_us}}},
          {"requests", document.limits.requests},
          {"threads", document.threads},
          {"cpus", document.cpus},
          {"memory", document.memory},
          {"listen", document.listen},
          {"admin", document.admin}};
}

Result<ServiceDocument> service_from_json(const json& document) {
  try {
    ServiceDocument service;
    service.name = document.at("name");
    service.id = document.value("id", service.name);
    for (const json& row : document.at("nodes")) service.nodes.push_back(read_node(row));
    service.limits.batch_rows = document.at("batch").at("rows");
    service.limits.batch_delay_us = document.at("batch").at("delay_us");
    service.limits.requests = document.at("requests");
    service.threads = document.at("threads");
    service.cpus = document.value("cpus", 1.0);
    service.memory = document.value("memory", std::uint64_t{0});
    service.listen = document.at("listen");
    service.admin = document.at("admin");
    return service;
  } catch (const std::exception& error) {
    return fail(fmt::format("this is no service document: {}", error.what()));
  }
}

Result<std::vector<VersionDocument>> versions_from_json(const json& versions) {
  try {
    return read_versions(versions);
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

}  // namespace scanflow::infer
