#include "engine/inject/parts.hpp"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "engine/inject/names.hpp"

namespace scanflow::inject {
namespace {

using nlohmann::json;

json variable(std::string_view name, std::string_view value) {
  return {{"name", name}, {"value", value}};
}
json variable_of_field(std::string_view name, std::string_view path) {
  return {{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", path}}}}}};
}
json variable_of_secret(std::string_view name, const std::string& secret, std::string_view key) {
  return {{"name", name}, {"valueFrom", {{"secretKeyRef", {{"name", secret}, {"key", key}}}}}};
}
json mount(std::string_view name, std::string_view path, bool read_only = false) {
  json mount = {{"name", name}, {"mountPath", path}};
  if (read_only) mount["readOnly"] = true;
  return mount;
}

/// ipc: the file's owner is who may speak.
bool needs_keys(const Settings& settings) { return settings.hub.starts_with("tcp://"); }
bool has_identity_volume(const Settings& settings) {
  return needs_keys(settings) && !settings.keys;
}

/// All that the restricted Pod Security Standard asks for.
json security_context(const PodFacts& facts) {
  return {{"allowPrivilegeEscalation", false},
          {"capabilities", {{"drop", {"ALL"}}}},
          {"readOnlyRootFilesystem", true},
          {"runAsGroup", facts.group},
          {"runAsNonRoot", true},
          {"runAsUser", facts.user},
          {"seccompProfile", {{"type", "RuntimeDefault"}}}};
}

json resources(const Settings& settings) {
  json limits = {{"memory", settings.memory_limit}};
  if (!settings.cpu_limit.empty()) limits["cpu"] = settings.cpu_limit;
  return {{"requests", {{"cpu", settings.cpu_request}, {"memory", settings.memory_request}}},
          {"limits", std::move(limits)}};
}

json container(std::string_view name, const PodFacts& facts, const Settings& settings) {
  json made = {{"name", name},
               {"image", settings.image},
               {"resources", resources(settings)},
               {"securityContext", security_context(facts)},
               {"volumeMounts", json::array({mount(kVolume, kDirectory)})}};
  if (!settings.image_pull_policy.empty()) made["imagePullPolicy"] = settings.image_pull_policy;
  // Kubernetes mounts a token where nothing is mounted yet: so nothing of the app's rights is here.
  if (facts.may_have_token) made["volumeMounts"].push_back(mount(kNoToken, kTokenDirectory, true));
  return made;
}

json keys(const Settings& settings) {
  if (!needs_keys(settings)) return json::array();
  if (settings.keys) {
    return json::array({variable("SCANFLOW_HUB_KEY", settings.keys->hub),
                        variable("SCANFLOW_KEY", settings.keys->key),
                        variable("SCANFLOW_SECRET_KEY", settings.keys->secret)});
  }
  json all = {
      variable_of_secret("SCANFLOW_HUB_KEY", settings.hub_secret, "hub-key"),
      variable_of_secret("SCANFLOW_KEY", settings.hub_secret, "key"),
      variable("SCANFLOW_SECRET_KEY_FILE", fmt::format("{}/secret-key", kIdentityDirectory))};
  if (settings.token)
    all.push_back(variable("SCANFLOW_TOKEN_FILE", fmt::format("{}/token", kIdentityDirectory)));
  return all;
}

json sidecar_environment(const PodFacts& facts, const Settings& settings) {
  json all = json::array({variable("SCANFLOW_HUB", settings.hub)});
  if (!settings.bulk.empty()) all.push_back(variable("SCANFLOW_BULK", settings.bulk));
  for (json& each : keys(settings)) all.push_back(std::move(each));
  const Identity identity = settings.identity.value_or(Identity{});
  all.push_back(identity.pod_uid.empty() ? variable_of_field("SCANFLOW_POD_UID", "metadata.uid")
                                         : variable("SCANFLOW_POD_UID", identity.pod_uid));
  all.push_back(identity.pod_name.empty() ? variable_of_field("SCANFLOW_POD_NAME", "metadata.name")
                                          : variable("SCANFLOW_POD_NAME", identity.pod_name));
  all.push_back(variable("SCANFLOW_SIDECAR_DIR", kState));
  all.push_back(variable(kSocketVariable, kSocket));
  // A socket is its user's alone, unless it is said that others are to come.
  if (facts.other_users) all.push_back(variable("SCANFLOW_SOCKET_FOR_ALL", "1"));
  if (!settings.admin.empty()) all.push_back(variable("SCANFLOW_ADMIN", settings.admin));
  if (settings.rules) all.push_back(variable("SCANFLOW_RULES", *settings.rules));
  if (!settings.grace.empty()) all.push_back(variable("SCANFLOW_GRACE", settings.grace));
  // Nobody ends a plain container when the app has ended; where the app is started again, its
  // sidecar is to stay.
  if (settings.shape == Shape::plain && facts.ends)
    all.push_back(variable("SCANFLOW_ENDS_ALONE", "1"));
  return all;
}

}  // namespace

std::vector<json> volumes(const PodFacts& facts, const Settings& settings) {
  std::vector<json> all;
  all.push_back({{"name", kVolume}, {"emptyDir", json::object()}});
  if (facts.may_have_token) all.push_back({{"name", kNoToken}, {"emptyDir", json::object()}});
  if (!has_identity_volume(settings)) return all;
  json item = {{"key", "secret-key"}, {"path", "secret-key"}};
  json sources = json::array(
      {{{"secret", {{"name", settings.hub_secret}, {"items", json::array({std::move(item)})}}}}});
  if (settings.token)
    sources.push_back({{"serviceAccountToken", {{"audience", kAudience}, {"path", "token"}}}});
  all.push_back({{"name", kIdentity}, {"projected", {{"sources", std::move(sources)}}}});
  return all;
}

json launcher_container(const PodFacts& facts, const Settings& settings) {
  json made = container(kLauncher, facts, settings);
  made["command"] = {"scanflow-exec", "--install", kBinaries};
  return made;
}

json sidecar_container(const PodFacts& facts, const Settings& settings) {
  json made = container(kSidecar, facts, settings);
  made["command"] = json::array({"scanflow-sidecar"});
  if (settings.shape == Shape::native) made["restartPolicy"] = "Always";
  made["env"] = sidecar_environment(facts, settings);
  if (has_identity_volume(settings))
    made["volumeMounts"].push_back(mount(kIdentity, kIdentityDirectory, true));
  return made;
}

std::vector<json> app_environment(const AppContainer& container, const Settings& settings) {
  const Identity identity = settings.identity.value_or(Identity{});
  std::vector<json> all = {
      variable(kSocketVariable, kSocket),
      // Each launcher has a socket of its own for its program. No container's name has a '.', so
      // that nothing else there is called alike.
      variable("SCANFLOW_PROGRAM_SOCKET", fmt::format("{}/{}.program", kDirectory, container.name)),
      identity.run.empty() ? variable_of_field("SCANFLOW_RUN", "metadata.uid")
                           : variable("SCANFLOW_RUN", identity.run),
      variable("SCANFLOW_STEP", identity.step.empty() ? container.name : identity.step)};
  if (settings.identity)
    all.push_back(variable("SCANFLOW_ATTEMPT", std::to_string(identity.attempt)));
  json steering = identity.steering.empty() ? json::object() : json::parse(identity.steering);
  // It is paused for less than that only.
  if (container.liveness_s > 0) steering["liveness"] = fmt::format("{}s", container.liveness_s);
  if (!steering.empty()) all.push_back(variable("SCANFLOW_STEERING", steering.dump()));
  if (container.has_memory_limit) {
    all.push_back({{"name", "SCANFLOW_MEMORY_LIMIT"},
                   {"valueFrom",
                    {{"resourceFieldRef",
                      {{"containerName", container.name}, {"resource", "limits.memory"}}}}}});
  }
  return all;
}

json app_mount() { return mount(kVolume, kDirectory); }

}  // namespace scanflow::inject
