#include "engine/deploy/teams.hpp"

#include <fmt/format.h>

#include <cmath>

#include "engine/deploy/rights.hpp"

namespace scanflow::deploy {
namespace {

using nlohmann::json;

constexpr const char* kTeamAccount = "scanflow";

json labels_of_team(const TeamNamespace& of) {
  return {{"app.kubernetes.io/part-of", "scanflow"},
          {"scanflow.dev/application", of.application},
          {"scanflow.dev/team", of.team}};
}

json object_of_team(const char* version, const char* kind, const char* name,
                    const TeamNamespace& of) {
  return {
      {"apiVersion", version},
      {"kind", kind},
      {"metadata", {{"name", name}, {"namespace", of.name_space}, {"labels", labels_of_team(of)}}}};
}

json namespace_of_team(const TeamNamespace& of) {
  json labels = labels_of_team(of);
  labels["pod-security.kubernetes.io/enforce"] = "restricted";
  return {{"apiVersion", "v1"},
          {"kind", "Namespace"},
          {"metadata", {{"name", of.name_space}, {"labels", std::move(labels)}}}};
}

/// Rounded up to what Kubernetes counts in: "1500m".
std::string cpus_text(double cpus) {
  const auto milli = static_cast<std::int64_t>(std::ceil(cpus * 1000 - 1e-6));
  return milli % 1000 == 0 ? fmt::format("{}", milli / 1000) : fmt::format("{}m", milli);
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::uint64_t kMebi = 1u << 20;
  return bytes % kMebi == 0 ? fmt::format("{}Mi", bytes / kMebi) : fmt::format("{}", bytes);
}

json limits_of(const TeamNamespace& of) {
  json hard = json::object();
  if (of.cpus) hard["requests.cpu"] = cpus_text(*of.cpus);
  if (of.memory) hard["requests.memory"] = bytes_text(*of.memory);
  if (of.gpus) {
    for (const char* vendor : {"nvidia.com", "amd.com"})
      hard[fmt::format("requests.{}/gpu", vendor)] = std::to_string(*of.gpus);
  }
  if (of.services) hard["count/deployments.apps"] = std::to_string(*of.services);
  return hard;
}

/// A Pod that asks for nothing is refused where that is limited: it asks for a little.
json usual_requests(const TeamNamespace& of) {
  json requests = json::object();
  if (of.cpus) requests["cpu"] = cpus_text(std::min(*of.cpus, 0.1));
  if (of.memory) requests["memory"] = bytes_text(std::min<std::uint64_t>(*of.memory, 64u << 20));
  return requests;
}

}  // namespace

json manifests(const TeamNamespace& team) {
  json all = json::array();
  all.push_back(namespace_of_team(team));
  if (json hard = limits_of(team); !hard.empty()) {
    json quota = object_of_team("v1", "ResourceQuota", kTeamAccount, team);
    quota["spec"] = {{"hard", std::move(hard)}};
    all.push_back(std::move(quota));
  }
  if (json requests = usual_requests(team); !requests.empty()) {
    json range = object_of_team("v1", "LimitRange", kTeamAccount, team);
    range["spec"] = {
        {"limits", {{{"type", "Container"}, {"defaultRequest", std::move(requests)}}}}};
    all.push_back(std::move(range));
  }
  json account = object_of_team("v1", "ServiceAccount", kTeamAccount, team);
  account["automountServiceAccountToken"] = false;  // the Pod of its engine asks for it
  all.push_back(std::move(account));
  for (json& each : rights_of({team.name_space, kTeamAccount, false, labels_of_team(team)}))
    all.push_back(std::move(each));
  return all;
}

}  // namespace scanflow::deploy
