// A checked InferenceService.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/pipeline/diagnostic.hpp"

namespace scanflow::pipeline {

using nlohmann::json;

/// One version that a node has loaded.
struct ServiceVersion {
  std::string model;    // "models:/NAME@ALIAS", "models:/NAME/VERSION", or a path; empty: none
  double weight = 1;    // against the node's others
  bool shadow = false;  // gets copies only
  Location at;
};

/// A container that serves a node by the Open Inference Protocol.
struct ServiceContainer {
  std::string image;
  std::vector<std::string> command, args;  // empty: the image's
  std::map<std::string, std::string> env;
  std::uint16_t port = 9000;  // that it listens at
  std::string model;          // as it calls it
  double cpus = 1;
  std::uint64_t memory = 0;  // bytes; 0: nobody says
};

struct ServiceNode {
  std::string name;
  std::string type;  // "MODEL", ...
  std::vector<std::string> needs;
  // What serves it: one of these.
  std::string uses;  // a step plugin that serves online
  std::string url;   // of a model that another server has: http://HOST:PORT/.../v2/models/NAME
  std::optional<ServiceContainer> container;
  json with = json::object();            // its configuration, defaults filled in
  std::vector<ServiceVersion> versions;  // at least one
};

/// One process more, which answers while none of the others is ready.
struct ServiceBackup {
  std::string node;        // the graph is the same but for the model of this one,
  ServiceVersion version;  // which is this
};

struct ServiceSpec {
  std::string file;  // as the user named it
  std::string name;
  std::string name_space = "default";
  std::map<std::string, std::string> labels;
  std::vector<ServiceNode> graph;
  std::int64_t batch_rows = 1;      // of one call, at most
  std::int64_t batch_delay_us = 0;  // that a request waits for others
  std::uint32_t replicas = 1;       // the least
  std::uint32_t most_replicas = 1;  // equals the least where the file says none
  double scaling_target = 8;        // requests on their way, of each replica
  std::int64_t scaling_stabilization_us = 30'000'000;
  double cpus = 1;            // of each process
  std::uint64_t memory = 0;   // bytes, of its Pod; 0: nobody says
  std::uint32_t queue = 256;  // requests on their way, at most
  std::int64_t timeout_us = 30'000'000;
  std::uint32_t retries = 1;    // of a request whose replica ended
  std::int64_t slo_p99_us = 0;  // 0: none
  double slo_errors = 0;        // of all answers; 0: none
  std::optional<ServiceBackup> backup;
};

}  // namespace scanflow::pipeline
