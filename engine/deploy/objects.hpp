// What a cluster is given for an engine of its own: namespace, rights, volume, hub, StatefulSet, and who may reach
// it. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace scanflow::deploy {

/// Where `scanflow server` listens unless it is told, on localhost.
inline constexpr int kHttpPort = 8420;

struct Installation {
  std::string name_space = "scanflow";
  bool makes_namespace = true;
  std::string engine_image, sidecar_image, worker_image, command_image;
  std::string pull_secret;  // by which they are pulled; empty: none
  std::string storage = "10Gi";
  std::string storage_class;      // empty: the cluster's default
  int replicas = 1;               // one is the engine, the others wait
  std::uint16_t hub_port = 4190;  // and the next one, for files
  bool cluster_wide = false;      // it may act in all namespaces
  bool egress = false;            // steps reach DNS, the hub, and nothing else
};

/// In the order in which they are to be applied.
nlohmann::json manifests(const Installation& installation);

}  // namespace scanflow::deploy
