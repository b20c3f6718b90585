// The restricted profile of Pod Security, as of "latest".
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

#include "tests/support/kube/admission.hpp"

namespace scanflow::test::kube {
namespace {

using Names = std::vector<std::string>;

void each_container(const json& spec, const std::function<void(const json&)>& look) {
  for (const char* list : {"initContainers", "containers"}) {
    for (const json& container : spec.value(list, json::array())) look(container);
  }
}

/// "container "a"", "containers "a", "b"".
std::string containers(const Names& names) {
  return fmt::format("container{} \"{}\"", names.size() == 1 ? "" : "s",
                     fmt::join(names, "\", \""));
}

json context_of(const json& container) {
  return container.value("securityContext", json::object());
}

Names those(const json& spec, const std::function<bool(const json&)>& wrong) {
  Names names;
  each_container(spec, [&](const json& one) {
    if (wrong(context_of(one))) names.push_back(one.value("name", ""));
  });
  return names;
}

bool drops_all(const json& context) {
  const json drop = context.value("/capabilities/drop"_json_pointer, json::array());
  return std::find(drop.begin(), drop.end(), "ALL") != drop.end();
}

bool adds(const json& context) {
  const json add = context.value("/capabilities/add"_json_pointer, json::array());
  return std::any_of(add.begin(), add.end(),
                     [](const json& one) { return one != "NET_BIND_SERVICE"; });
}

bool is_profile(const json& context) {
  const std::string type = context.value("/seccompProfile/type"_json_pointer, "");
  return type == "RuntimeDefault" || type == "Localhost";
}

void look_at_host(const json& spec, Names& out) {
  Names spaces;
  for (const char* name : {"hostNetwork", "hostPID", "hostIPC"}) {
    if (spec.value(name, false)) spaces.push_back(fmt::format("{}=true", name));
  }
  if (!spaces.empty()) out.push_back(fmt::format("host namespaces ({})", fmt::join(spaces, ", ")));
}

void look_at_volumes(const json& spec, Names& out) {
  static const Names good = {"configMap", "csi",       "downwardAPI",
                             "emptyDir",  "ephemeral", "persistentVolumeClaim",
                             "projected", "secret"};
  for (const json& volume : spec.value("volumes", json::array())) {
    for (const auto& [type, _] : volume.items()) {
      if (type == "name" || std::find(good.begin(), good.end(), type) != good.end()) continue;
      out.push_back(
          fmt::format("restricted volume types (volume \"{}\" uses restricted volume "
                      "type \"{}\")",
                      volume.value("name", ""), type));
    }
  }
}

void look_at_contexts(const json& spec, Names& out) {
  const auto say = [&](const char* what, const Names& names, const std::string& must) {
    if (!names.empty()) out.push_back(fmt::format("{} ({} {})", what, containers(names), must));
  };
  say("privileged", those(spec, [](const json& one) { return one.value("privileged", false); }),
      "must not set securityContext.privileged=true");
  say("allowPrivilegeEscalation != false",
      those(spec, [](const json& one) { return one.value("allowPrivilegeEscalation", true); }),
      "must set securityContext.allowPrivilegeEscalation=false");
  say("unrestricted capabilities",
      those(spec, [](const json& one) { return !drops_all(one) || adds(one); }),
      "must set securityContext.capabilities.drop=[\"ALL\"]");
}

void look_at_user_and_profile(const json& spec, Names& out) {
  const json pod = context_of(spec);
  const bool pod_is_user = pod.value("runAsNonRoot", false);
  const Names roots =
      those(spec, [&](const json& one) { return !one.value("runAsNonRoot", pod_is_user); });
  if (!roots.empty())
    out.push_back(
        fmt::format("runAsNonRoot != true (pod or {} must set "
                    "securityContext.runAsNonRoot=true)",
                    containers(roots)));
  const Names zero = those(spec, [&](const json& one) { return one.value("runAsUser", 1) == 0; });
  if (pod.value("runAsUser", 1) == 0) out.push_back("runAsUser=0 (pod must not set runAsUser=0)");
  if (!zero.empty())
    out.push_back(fmt::format("runAsUser=0 ({} must not set runAsUser=0)", containers(zero)));
  const Names bare = those(spec, [&](const json& one) {
    return one.contains("seccompProfile") ? !is_profile(one) : !is_profile(pod);
  });
  if (!bare.empty())
    out.push_back(
        fmt::format("seccompProfile (pod or {} must set "
                    "securityContext.seccompProfile.type to \"RuntimeDefault\" or "
                    "\"Localhost\")",
                    containers(bare)));
}

}  // namespace

std::vector<std::string> restricted_violations(const json& pod_spec) {
  Names out;
  look_at_host(pod_spec, out);
  look_at_contexts(pod_spec, out);
  look_at_volumes(pod_spec, out);
  look_at_user_and_profile(pod_spec, out);
  return out;
}

}  // namespace scanflow::test::kube
