// What a service process is started with: one JSON document, written by whoever supervises it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/infer/flow.hpp"
#include "engine/infer/service.hpp"
#include "engine/infer/traffic.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::infer {

using nlohmann::json;

struct VersionDocument {
  Share share;
  std::string model;       // absolute path; empty: the plugin is given none
  std::string sha256;      // of one that is in the artifact store; else empty
  bool directory = false;  // it is one
};

/// A model that another server has.
struct RemoteDocument {
  std::string url;              // http://HOST:PORT/.../v2/models/NAME
  std::int64_t timeout_us = 0;  // of one call
};

struct NodeDocument {
  FlowNode node;
  std::string uses;                           // the plugin: "torch.predict"; empty: it has none
  std::string library;                        // absolute path of its library
  json with = json::object();                 // its configuration, checked and filled in
  std::vector<VersionDocument> versions;      // none: it is told them later, and waits for them
  std::optional<RemoteDocument> remote = {};  // instead of a plugin
  json container =
      {};  // that the remote one is, beside it in its Pod, as Kubernetes has it; or null
};

struct ServiceDocument {
  std::string name;
  std::string id;  // among all services: "NAMESPACE/NAME"
  std::vector<NodeDocument> nodes;
  ServiceLimits limits;
  std::uint32_t threads = 1;  // of one call
  // Of its Pod, where it is in one.
  double cpus = 1;
  std::uint64_t memory = 0;  // bytes; 0: nobody says
  std::string listen;        // the protocol: unix:PATH, or 127.0.0.1:PORT
  std::string admin;         // health, metrics, traffic: unix:PATH; empty: nobody asks
};

json to_json(const ServiceDocument& document);
/// The error names the field.
Result<ServiceDocument> service_from_json(const json& document);

json to_json(const std::vector<VersionDocument>& versions);
Result<std::vector<VersionDocument>> versions_from_json(const json& versions);

}  // namespace scanflow::infer
