#include "engine/inject/pod.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "engine/inject/names.hpp"

namespace scanflow::inject {
namespace {

using nlohmann::json;

std::int64_t integer(const json& object, std::string_view key, std::int64_t otherwise) {
  const json& value = member(object, key);
  return value.is_number_integer() ? value.get<std::int64_t>() : otherwise;
}

bool is_true(const json& value) { return value.is_boolean() && value.get<bool>(); }
bool is_false(const json& value) { return value.is_boolean() && !value.get<bool>(); }

/// The container's own, else the Pod's; 0 where neither says.
std::int64_t declared(const json& spec, const json& container, std::string_view key) {
  const std::int64_t pod = integer(member(spec, "securityContext"), key, 0);
  return integer(member(container, "securityContext"), key, pod);
}

/// The shortest time in which probes that are not answered end it, by Kubernetes' defaults.
std::int64_t liveness_of(const json& container) {
  const json& probe = member(container, "livenessProbe");
  if (!probe.is_object()) return 0;
  const std::int64_t period = std::max<std::int64_t>(integer(probe, "periodSeconds", 10), 1);
  const std::int64_t failures = std::max<std::int64_t>(integer(probe, "failureThreshold", 3), 1);
  const std::int64_t patience = std::max<std::int64_t>(integer(probe, "timeoutSeconds", 1), 1);
  return (failures - 1) * period + patience;
}

std::vector<std::size_t> app_indices(const json& containers, const Settings& settings) {
  std::vector<std::size_t> indices;
  if (settings.containers.empty()) {
    for (std::size_t i = 0; i < containers.size(); ++i) indices.push_back(i);
  }
  for (const std::string& name : settings.containers) {
    for (std::size_t i = 0; i < containers.size(); ++i) {
      if (text_of(containers[i], "name") == name) indices.push_back(i);
    }
  }
  return indices;
}

bool has_command(const json& container) {
  const json& command = member(container, "command");
  return command.is_array() && !command.empty();
}

// --- reasons, each "" where it does not hold

std::string by_form(const json& spec) {
  const json& containers = member(spec, "containers");
  if (!containers.is_array() || containers.empty()) return "it has no containers";
  std::set<std::string> names;
  for (const char* list : {"containers", "initContainers"}) {
    const json& all = member(spec, list);
    if (!all.is_array() && !all.is_null()) return fmt::format("its {} are no list", list);
    for (const json& each : all) {
      const std::string name = text_of(each, "name");
      if (name.empty()) return fmt::format("one of its {} has no name", list);
      if (!names.insert(name).second)
        return fmt::format("two of its containers are called {}", name);
      for (const char* field : {"command", "env", "volumeMounts"}) {
        const json& value = member(each, field);
        if (!value.is_array() && !value.is_null())
          return fmt::format("{} of the container {} is no list", field, name);
      }
    }
  }
  const json& share = member(spec, "shareProcessNamespace");
  if (!share.is_boolean() && !share.is_null())
    return "its shareProcessNamespace is neither true nor false";
  const json& volumes = member(spec, "volumes");
  return volumes.is_array() || volumes.is_null() ? "" : "its volumes are no list";
}

std::string by_metadata(const json& metadata) {
  if (!metadata.is_object() && !metadata.is_null()) return "its metadata is no map";
  const json& annotations = member(metadata, "annotations");
  return annotations.is_object() || annotations.is_null() ? "" : "its annotations are no map";
}

std::string by_place(const json& pod, const Workload& workload, const Settings& settings) {
  const json& spec = member(pod, "spec");
  const json& annotations = member(member(pod, "metadata"), "annotations");
  if (member(annotations, "kubernetes.io/config.mirror").is_string() ||
      text_of(annotations, "kubernetes.io/config.source") == "file") {
    return "it is a static Pod, which only its file on the node can change";
  }
  if (is_true(member(spec, "hostNetwork")))
    return "hostNetwork: its network is the node's, and the sidecar's would be too";
  if (is_true(member(spec, "hostPID")))
    return "hostPID: the sidecar would see every process of the node";
  if (text_of(member(spec, "os"), "name") == "windows" ||
      text_of(member(spec, "nodeSelector"), "kubernetes.io/os") == "windows") {
    return "it runs on Windows, and the sidecar on Linux only";
  }
  if (settings.wanted == Wanted::enabled) return "";
  if (workload.name_space == "kube-system")
    return "kube-system is the cluster's own (scanflow.dev/inject: enabled injects all the same)";
  if (is_false(member(spec, "shareProcessNamespace"))) {
    return "shareProcessNamespace is false: the sidecar would see no process; remove the field, or "
           "say scanflow.dev/inject: enabled to have it set to true";
  }
  return "";
}

bool is_ours(std::string_view name) { return name == kSidecar || name == kLauncher; }

std::string by_sidecar(const json& spec) {
  for (const char* list : {"containers", "initContainers"}) {
    for (const json& each : member(spec, list)) {
      const std::string name = text_of(each, "name");
      const bool launched = has_command(each) && each["command"][0] == kPrefix[0];
      if (is_ours(name) || launched)
        return fmt::format("the container {} is a sidecar of ours that was not injected", name);
      for (const json& variable : member(each, "env")) {
        if (text_of(variable, "name") == kSocketVariable)
          return fmt::format(
              "the container {} has {} already: a sidecar of ours that was not "
              "injected?",
              name, kSocketVariable);
      }
    }
  }
  return "";
}

std::string by_volumes(const json& spec) {
  for (const json& volume : member(spec, "volumes")) {
    const std::string name = text_of(volume, "name");
    if (std::find(kVolumes.begin(), kVolumes.end(), name) != kVolumes.end())
      return fmt::format("it has a volume '{}' of its own: rename that", name);
  }
  for (const json& container : member(spec, "containers")) {
    for (const json& mount : member(container, "volumeMounts")) {
      const std::string path =
          std::filesystem::path("/" + text_of(mount, "mountPath") + "/").lexically_normal();
      if (!path.starts_with(fmt::format("{}/", kDirectory))) continue;
      return fmt::format(
          "the container {} mounts something at {}, where the sidecar's socket has to "
          "be: mount it elsewhere",
          text_of(container, "name"), text_of(mount, "mountPath"));
    }
  }
  return "";
}

std::string by_settings(const json& spec, const Settings& settings) {
  const json& containers = member(spec, "containers");
  std::vector<std::string> names;
  for (const json& each : containers) names.push_back(text_of(each, "name"));
  for (const std::string& name : settings.containers) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      return fmt::format("it has no container '{}' (there are: {}): see the setting containers",
                         name, fmt::join(names, ", "));
  }
  if (!settings.admin.empty()) {
    const std::string port = settings.admin.substr(settings.admin.rfind(':') + 1);
    for (const json& container : containers) {
      for (const json& each : member(container, "ports")) {
        if (std::to_string(integer(each, "containerPort", 0)) != port) continue;
        return fmt::format(
            "the container {} has the port {}, and so would the sidecar: choose "
            "another one for admin",
            text_of(container, "name"), port);
      }
    }
  }
  if (settings.shape == Shape::native || text_of(spec, "restartPolicy").empty() ||
      text_of(spec, "restartPolicy") == "Always") {
    return "";
  }
  const auto app = app_indices(containers, settings);
  if (std::any_of(app.begin(), app.end(),
                  [&](std::size_t i) { return has_command(containers[i]); }))
    return "";
  return "no container has an explicit command, and without a launcher a sidecar of the plain "
         "shape "
         "does not learn that the Pod is to end: say command, or take the native shape";
}

}  // namespace

PodFacts facts_of(const json& pod, const Settings& settings) {
  const json& spec = member(pod, "spec");
  const json& containers = member(spec, "containers");
  PodFacts facts;
  for (const std::size_t i : app_indices(containers, settings)) {
    const json& container = containers[i];
    facts.app.push_back(
        {i, text_of(container, "name"), has_command(container), liveness_of(container),
         !member(member(member(container, "resources"), "limits"), "memory").is_null()});
    const std::int64_t user = declared(spec, container, "runAsUser");
    const std::int64_t group = declared(spec, container, "runAsGroup");
    if (facts.app.size() == 1) {
      facts.user = user > 0 ? user : kNobody;
      facts.group = group > 0 ? group : kNobody;
    }
    facts.other_users |= user != facts.user;
  }
  facts.may_have_token = !is_false(member(spec, "automountServiceAccountToken"));
  const std::string restart = text_of(spec, "restartPolicy");
  facts.ends = restart == "Never" || restart == "OnFailure";
  return facts;
}

std::string refusal(const json& pod, const Workload& workload, const Settings& settings) {
  if (settings.wanted == Wanted::disabled) return "scanflow.dev/inject is disabled";
  if (settings.only_enabled && settings.wanted != Wanted::enabled)
    return "scanflow.dev/inject is not enabled";
  const json& spec = member(pod, "spec");
  // In this order: the later ones rely on the form that the first ones have seen.
  std::string reason = by_metadata(member(pod, "metadata"));
  if (reason.empty()) reason = by_form(spec);
  if (reason.empty()) reason = by_place(pod, workload, settings);
  if (reason.empty()) reason = by_sidecar(spec);
  if (reason.empty()) reason = by_volumes(spec);
  if (reason.empty()) reason = by_settings(spec, settings);
  return reason;
}

}  // namespace scanflow::inject
