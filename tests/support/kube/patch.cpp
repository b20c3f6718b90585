#include "tests/support/kube/patch.hpp"

#include <algorithm>
#include <map>

#include "tests/support/kube/status.hpp"

namespace scanflow::test::kube {
namespace {

json::iterator element_of(json& list, const std::string& key, const json& value) {
  return std::find_if(list.begin(), list.end(), [&](const json& one) {
    return one.is_object() && one.contains(key) && one.at(key) == value;
  });
}

json merged_list(const json& old, const json& patch, const std::string& key) {
  json list = old.is_array() ? old : json::array();
  for (const json& change : patch) {
    if (!change.contains(key)) {
      if (change.value("$patch", "") == "replace") list = json::array();
      continue;
    }
    const auto found = element_of(list, key, change.at(key));
    if (change.value("$patch", "") == "delete") {
      if (found != list.end()) list.erase(found);
    } else if (found != list.end()) {
      *found = strategically_merged(*found, change);
    } else {
      list.push_back(strategically_merged(json::object(), change));
    }
  }
  return list;
}

/// Lists of plain values that are merged, not replaced.
bool is_set(const std::string& member) { return member == "finalizers"; }

json united(const json& old, const json& more) {
  json list = old.is_array() ? old : json::array();
  for (const json& one : more) {
    if (std::find(list.begin(), list.end(), one) == list.end()) list.push_back(one);
  }
  return list;
}

/// "$setElementOrder/containers" and its like say what is otherwise clear.
bool is_directive(const std::string& member) { return member.starts_with('$'); }

void delete_values(json& object, const std::string& member, const json& gone) {
  const std::string list = member.substr(member.find('/') + 1);
  if (!object.contains(list)) return;
  json kept = json::array();
  for (const json& one : object[list]) {
    if (std::find(gone.begin(), gone.end(), one) == gone.end()) kept.push_back(one);
  }
  object[list] = std::move(kept);
}

}  // namespace

std::string merge_key_of(const std::string& member, const json& list) {
  static const std::map<std::string, std::string> keys = {
      {"containers", "name"},
      {"initContainers", "name"},
      {"ephemeralContainers", "name"},
      {"env", "name"},
      {"volumes", "name"},
      {"volumeMounts", "mountPath"},
      {"volumeDevices", "devicePath"},
      {"imagePullSecrets", "name"},
      {"secrets", "name"},
      {"ownerReferences", "uid"},
      {"conditions", "type"},
      {"hostAliases", "ip"},
      {"topologySpreadConstraints", "topologyKey"},
      {"webhooks", "name"},
      {"podIPs", "ip"},
      {"hostIPs", "ip"}};
  if (member == "ports") {
    const bool of_service = !list.empty() && list.front().contains("port");
    return of_service ? "port" : "containerPort";
  }
  const auto found = keys.find(member);
  return found == keys.end() ? "" : found->second;
}

json strategically_merged(const json& object, const json& patch) {
  if (!patch.is_object()) return patch;
  if (patch.value("$patch", "") == "replace") {
    json whole = patch;
    whole.erase("$patch");
    return whole;
  }
  json merged = object.is_object() ? object : json::object();
  for (const auto& [member, change] : patch.items()) {
    if (member.starts_with("$deleteFromPrimitiveList/")) delete_values(merged, member, change);
    if (is_directive(member)) continue;
    const json old = merged.contains(member) ? merged.at(member) : json();
    const std::string key = change.is_array() ? merge_key_of(member, change) : "";
    if (change.is_null() || (change.is_object() && change.value("$patch", "") == "delete")) {
      merged.erase(member);
    } else if (!key.empty()) {
      merged[member] = merged_list(old, change, key);
    } else if (change.is_array() && is_set(member)) {
      merged[member] = united(old, change);
    } else {
      merged[member] = strategically_merged(old, change);
    }
  }
  return merged;
}

json patched(const Resource& resource, const json& object, const std::string& type,
             const json& patch) {
  if (type == "application/merge-patch+json") {
    json merged = object;
    merged.merge_patch(patch);
    return merged;
  }
  if (type == "application/strategic-merge-patch+json" && !resource.custom)
    return strategically_merged(object, patch);
  if (type != "application/json-patch+json") throw unsupported_media_type();
  if (!patch.is_array())
    throw bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch");
  try {
    return object.patch(patch);
  } catch (const json::exception& problem) {
    throw failed(422, "Invalid",
                 std::string("the server rejected our request due to an error in "
                             "our request: ") +
                     problem.what());
  }
}

}  // namespace scanflow::test::kube
