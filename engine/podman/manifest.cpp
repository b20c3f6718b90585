#include "engine/podman/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace scanflow::podman {
namespace {

using nlohmann::json;

bool fit_for_a_name(const std::string& name) {
  return !name.empty() && name.size() <= 63 && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

bool takes_secrets(const json& container) {
  for (const json& each : container.value("env", json::array())) {
    const json from = each.value("valueFrom", json::object());
    if (from.contains("secretKeyRef")) return true;
  }
  for (const json& each : container.value("envFrom", json::array())) {
    if (each.contains("secretRef")) return true;
  }
  return false;
}

/// Of annotations, whose values podman holds to the length of labels'.
void leave_out_long_ones(json& annotations) {
  constexpr std::size_t kMost = 63;
  for (auto each = annotations.begin(); each != annotations.end();) {
    const bool fits = each->is_string() && each->get_ref<const std::string&>().size() <= kMost;
    each = fits ? std::next(each) : annotations.erase(each);
  }
}

void leave_out_limits(json& container, const std::vector<std::string>& unlimited) {
  const auto resources = container.find("resources");
  if (resources == container.end()) return;
  for (const char* kind : {"limits", "requests"}) {
    const auto amounts = resources->find(kind);
    if (amounts == resources->end() || !amounts->is_object()) continue;
    for (const std::string& each : unlimited) amounts->erase(each);
  }
}

void rename_mounts(json& container, const std::map<std::string, std::string>& renamed) {
  const auto mounts = container.find("volumeMounts");
  if (mounts == container.end()) return;
  for (json& mount : *mounts) {
    const auto found = renamed.find(mount.value("name", ""));
    if (found != renamed.end()) mount["name"] = found->second;
  }
}

}  // namespace

Result<std::string> name_of(const json& manifest) {
  if (!manifest.is_object() || manifest.value("kind", "") != "Pod") {
    return fail("podman is to play a manifest of kind Pod, and this one is not");
  }
  const auto metadata = manifest.find("metadata");
  const std::string name =
      metadata != manifest.end() && metadata->is_object() ? metadata->value("name", "") : "";
  if (!fit_for_a_name(name)) {
    return fail(
        fmt::format("'{}' is no name for a Pod: small letters, digits and '-', at most 63", name));
  }
  return name;
}

Result<json> for_podman(json manifest, const std::vector<std::string>& unlimited) try {
  const Result<std::string> name = name_of(manifest);
  if (!name) return tl::unexpected(name.error());
  json& spec = manifest["spec"];
  if (!spec.is_object() || !spec.value("hostNetwork", json(false)).is_boolean()) {
    return fail(fmt::format("Pod {}: its spec is not as Kubernetes has it", *name));
  }
  if (json& metadata = manifest["metadata"]; metadata.contains("annotations"))
    leave_out_long_ones(metadata["annotations"]);
  if (!spec.value("initContainers", json::array()).empty() &&
      spec.value("restartPolicy", "Always") == "Always") {
    spec["restartPolicy"] = "OnFailure";
  }
  std::map<std::string, std::string> renamed;
  if (const auto volumes = spec.find("volumes"); volumes != spec.end()) {
    for (json& volume : *volumes) {
      const std::string old = volume.value("name", "");
      if (volume.contains("secret")) {
        return fail(
            fmt::format("Pod {}: podman does not mount secrets as Kubernetes does (volume "
                        "{}): mount a file by hostPath",
                        *name, old));
      }
      if (!volume.contains("emptyDir")) continue;
      renamed[old] = fmt::format("{}-{}", old, *name);
      volume["name"] = renamed[old];
    }
  }
  for (const char* kind : {"initContainers", "containers"}) {
    const auto containers = spec.find(kind);
    if (containers == spec.end()) continue;
    for (json& container : *containers) {
      if (takes_secrets(container)) {
        return fail(
            fmt::format("Pod {}: podman gives no variables from Secrets (container {}): "
                        "mount a file by hostPath",
                        *name, container.value("name", "")));
      }
      rename_mounts(container, renamed);
      leave_out_limits(container, unlimited);
    }
  }
  return manifest;
} catch (const json::exception& error) {
  return fail(fmt::format("the Pod's manifest is not as Kubernetes has it: {}", error.what()));
}

}  // namespace scanflow::podman
