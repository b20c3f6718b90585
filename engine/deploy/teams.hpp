// What a cluster is given for the teams of an application: for each its namespace, a quota, and the rights of an
// engine in it. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace scanflow::deploy {

struct TeamNamespace {
  std::string application, team, name_space;
  // Of its quota; nothing: no limit.
  std::optional<double> cpus;
  std::optional<std::uint64_t> memory;  // bytes
  std::optional<std::uint32_t> gpus;
  std::optional<std::uint32_t> services;
};

/// Namespace, ResourceQuota and LimitRange (where it has a quota), ServiceAccount, Role and RoleBinding, in the order
/// in which they are to be applied.
nlohmann::json manifests(const TeamNamespace& team);

}  // namespace scanflow::deploy
