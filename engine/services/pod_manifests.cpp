#include "engine/services/pod_manifests.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string_view>

#include "engine/backend/pod_request.hpp"
#include "engine/inject/inject.hpp"
#include "sdk/base/digest.hpp"

namespace scanflow::services {
namespace {

constexpr int kListen = 8080;
constexpr std::int64_t kUser = 65532;  // of our images
constexpr std::string_view kBackup = "-backup";
constexpr std::size_t kMostName = 63 - kBackup.size();
constexpr std::size_t kDocumentDigits = 16, kDigits = 8;
constexpr std::size_t kMostPodName = 40;  // of it: a Pod's is its host's, too
constexpr std::string_view kUnix = "unix:";
constexpr const char* kSockets = "/run/scanflow";  // in a Pod of podman

const char* const kStateLabel = "scanflow.dev/state";
const char* const kServiceLabel = "scanflow.dev/service";
const char* const kDocumentLabel = "scanflow.dev/document";

/// As the names do that are made so: none that is given may be one of them.
bool ends_like_a_digest(const std::string& name) {
  const std::size_t dash = name.rfind('-');
  return name.size() - dash - 1 == kDigits &&
         name.find_first_not_of("0123456789abcdef", dash + 1) == std::string::npos;
}

json labels_of(const std::string& object, const PodSettings& settings) {
  return {{"app.kubernetes.io/managed-by", "scanflow"},
          {kStateLabel, settings.state},
          {kServiceLabel, object}};
}

json metadata_of(const std::string& object, const PodSettings& settings) {
  return {{"name", object},
          {"namespace", settings.name_space},
          {"labels", labels_of(object, settings)}};
}

json probe_of(const char* path, int period_s, int timeout_s, int failures) {
  return {{"httpGet", {{"path", path}, {"port", "http"}}},
          {"periodSeconds", period_s},
          {"timeoutSeconds", timeout_s},
          {"failureThreshold", failures}};
}

/// As its Pods read it: with the plugins of their image, and without models.
std::string document_text(infer::ServiceDocument document, const std::string& listen,
                          const std::string& admin) {
  for (infer::NodeDocument& node : document.nodes) {
    node.container = json();
    node.library = std::filesystem::path(node.library).filename();
    const bool models = std::any_of(node.versions.begin(), node.versions.end(),
                                    [](const auto& version) { return !version.model.empty(); });
    if (models) node.versions.clear();
  }
  document.listen = listen;
  document.admin = admin;
  return infer::to_json(document).dump();
}

json resources_of(const infer::ServiceDocument& document) {
  json requests = {{"cpu", fmt::format("{}m", std::llround(std::ceil(document.cpus * 1000)))}};
  if (document.memory == 0) return {{"requests", requests}};
  requests["memory"] = std::to_string(document.memory);
  return {{"requests", requests}, {"limits", {{"memory", requests["memory"]}}}};
}

json container_of(const infer::ServiceDocument& document, const std::string& text,
                  const PodSettings& settings) {
  return {
      {"name", kServiceContainer},
      {"image", settings.image},
      {"command", {"scanflow-service", "--in-pod"}},
      {"env",
       json::array({{{"name", "SCANFLOW_SERVICE"}, {"value", text}},
                    {{"name", "OMP_NUM_THREADS"}, {"value", std::to_string(document.threads)}}})},
      {"resources", resources_of(document)},
      {"securityContext",
       {{"allowPrivilegeEscalation", false},
        {"capabilities", {{"drop", {"ALL"}}}},
        {"readOnlyRootFilesystem", true}}},
      {"volumeMounts", json::array({{{"name", "tmp"}, {"mountPath", "/tmp"}}})}};
}

/// The containers of each of its nodes beside what serves it.
json spec_of(const infer::ServiceDocument& document, json service) {
  json spec = {{"automountServiceAccountToken", false},
               {"terminationGracePeriodSeconds", 60},
               {"securityContext",
                {{"runAsNonRoot", true},
                 {"runAsUser", kUser},
                 {"runAsGroup", kUser},
                 {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
               {"containers", json::array({std::move(service)})},
               {"volumes", json::array({{{"name", "tmp"}, {"emptyDir", json::object()}}})}};
  for (const infer::NodeDocument& node : document.nodes) {
    if (node.container.is_null()) continue;
    spec["containers"].push_back(node.container);
    spec["containers"].back()["securityContext"] = {{"allowPrivilegeEscalation", false},
                                                    {"capabilities", {{"drop", {"ALL"}}}}};
  }
  return spec;
}

Result<json> injected(json object, const PodSettings& settings) {
  const auto patch = inject::inject(object, settings.name_space, settings.sidecar);
  if (!patch) return tl::unexpected(patch.error());
  for (const inject::Report& report : patch->reports) {
    if (report.outcome == inject::Outcome::skipped)
      return fail("its Pods cannot have a sidecar: " + report.reason);
  }
  return object.patch(patch->operations);
}

}  // namespace

std::string object_name(const serve::ServiceName& name) {
  std::string whole = fmt::format("scanflow-{}-{}", name.name_space, name.name);
  // Two names of which one holds the other's '-' would be one.
  const bool plain = name.name_space.find('-') == std::string::npos && whole.back() != '-' &&
                     !whole.ends_with(kBackup) && !ends_like_a_digest(whole) &&
                     whole.size() <= kMostName;
  if (plain) return whole;
  const std::string digest = sha256_hex(name.name_space + "/" + name.name).substr(0, kDigits);
  return whole.substr(0, kMostName - kDigits - 1) + "-" + digest;
}

std::string backup_name(const serve::ServiceName& name) {
  return object_name(name) + std::string(kBackup);
}

std::string selector_of(const PodSettings& settings) {
  return fmt::format("{}={},{}", kStateLabel, settings.state, kServiceLabel);
}

Result<json> deployment_of(const std::string& object, std::size_t replicas,
                           const infer::ServiceDocument& document, const PodSettings& settings) {
  const std::string text = document_text(document, fmt::format("0.0.0.0:{}", kListen), "");
  json labels = labels_of(object, settings);
  labels[kDocumentLabel] = sha256_hex(text).substr(0, kDocumentDigits);
  json service = container_of(document, text, settings);
  service["ports"] =
      json::array({{{"name", "http"}, {"containerPort", kListen}, {"protocol", "TCP"}}});
  // A call of a model may hold an answer up: 90 s of silence are too many.
  service["livenessProbe"] = probe_of("/v2/health/live", 15, 10, 6);
  service["readinessProbe"] = probe_of("/v2/health/ready", 2, 5, 3);
  json made = {
      {"apiVersion", "apps/v1"},
      {"kind", "Deployment"},
      {"metadata", metadata_of(object, settings)},
      {"spec",
       {{"replicas", replicas},
        {"selector",
         {{"matchLabels",
           {{kStateLabel, settings.state}, {kServiceLabel, labels.at(kServiceLabel)}}}}},
        // Others take its requests before one goes.
        {"strategy",
         {{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxSurge", 1}, {"maxUnavailable", 0}}}}},
        {"template",
         {{"metadata", {{"labels", labels}}}, {"spec", spec_of(document, std::move(service))}}}}}};
  return injected(std::move(made), settings);
}

std::string pod_name(const serve::ServiceName& name, const std::string& state,
                     const std::string& replica) {
  const std::string object = object_name(name);
  return fmt::format("{}-{}-{}", object.substr(0, kMostPodName),
                     sha256_hex(state + "/" + object).substr(0, kDigits), replica);
}

Result<json> pod_of(const std::string& pod, const infer::ServiceDocument& document,
                    const PodSettings& settings) {
  const std::filesystem::path listen = document.listen.substr(kUnix.size());
  const std::filesystem::path admin = document.admin.substr(kUnix.size());
  const auto inside = [](const std::filesystem::path& socket) {
    return fmt::format("{}{}/{}", kUnix, kSockets, socket.filename().string());
  };
  json service =
      container_of(document, document_text(document, inside(listen), inside(admin)), settings);
  service["volumeMounts"].push_back({{"name", "sockets"}, {"mountPath", kSockets}});
  json spec = spec_of(document, std::move(service));
  spec["restartPolicy"] = "Never";
  // podman would ask with curl, in the container. The engine asks by itself.
  for (json& container : spec["containers"])
    for (const char* probe : {"livenessProbe", "readinessProbe", "startupProbe"})
      container.erase(probe);
  spec["volumes"].push_back(
      {{"name", "sockets"},
       {"hostPath", {{"path", listen.parent_path().string()}, {"type", "Directory"}}}});
  PodSettings own = settings;
  own.sidecar.identity = inject::Identity{
      .run = pod, .step = {}, .attempt = 1, .pod_uid = pod, .pod_name = pod, .steering = {}};
  json made = {{"apiVersion", "v1"},
               {"kind", "Pod"},
               {"metadata",
                {{"name", pod},
                 {"labels",
                  {{"app.kubernetes.io/managed-by", "scanflow"},
                   {kPodmanLabel, settings.state},
                   {backend::kPodLabel, pod}}}}},
               {"spec", std::move(spec)}};
  return injected(std::move(made), own);
}

json service_of(const serve::ServiceName& name, const std::string& to,
                const PodSettings& settings) {
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", metadata_of(object_name(name), settings)},
          {"spec",
           {{"selector", {{kStateLabel, settings.state}, {kServiceLabel, to}}},
            {"ports", json::array({{{"name", "http"},
                                    {"protocol", "TCP"},
                                    {"port", kServicePort},
                                    {"targetPort", "http"}}})}}}};
}

Result<json> traffic_of(const infer::NodeDocument& node) {
  json versions = json::array();
  for (const infer::VersionDocument& version : node.versions) {
    if (version.model.empty()) return json();
    if (version.sha256.empty()) {
      return fail(
          fmt::format("the node '{}': {} is a file of this machine, which Pods cannot "
                      "have: register it (model.register), and name it models:/NAME/VERSION",
                      node.node.name, version.model));
    }
    versions.push_back({{"version", version.share.version},
                        {"weight", version.share.weight},
                        {"shadow", version.share.shadow},
                        {"sha256", version.sha256},
                        {"directory", version.directory}});
  }
  return json{{"node", node.node.name}, {"versions", std::move(versions)}};
}

}  // namespace scanflow::services
