#include "engine/webhook/manifests.hpp"

#include <fmt/format.h>

#include "engine/http/base64.hpp"
#include "engine/inject/policy.hpp"

namespace scanflow::webhook {
namespace {

using nlohmann::json;

constexpr const char* kName = "scanflow-webhook";
constexpr const char* kTlsDirectory = "/run/scanflow/tls";
constexpr int kPort = 8443, kServicePort = 443;
/// API servers wait for so long before they go on without us.
constexpr int kTimeout_s = 5;

json labels() {
  return {{"app.kubernetes.io/name", kName}, {"app.kubernetes.io/part-of", "scanflow"}};
}

json object(const char* version, const char* kind, const std::string& name,
            const std::string& name_space) {
  json metadata = {{"name", name}, {"labels", labels()}};
  if (!name_space.empty()) metadata["namespace"] = name_space;
  return {{"apiVersion", version}, {"kind", kind}, {"metadata", std::move(metadata)}};
}

json name_space_of(const Installation& to) {
  json made = object("v1", "Namespace", to.name_space, "");
  made["metadata"]["labels"] = {{"app.kubernetes.io/part-of", "scanflow"},
                                {"pod-security.kubernetes.io/enforce", "restricted"}};
  return made;
}

json secret(const Installation& to) {
  json made = object("v1", "Secret", to.tls_secret, to.name_space);
  made["type"] = "kubernetes.io/tls";
  made["data"] = {{"tls.crt", http::base64(to.certificate)}, {"tls.key", http::base64(to.key)}};
  return made;
}

json probe(const char* path) {
  return {{"httpGet", {{"path", path}, {"port", "https"}, {"scheme", "HTTPS"}}}};
}

json container(const Installation& to) {
  json arguments = {"webhook", fmt::format("--listen=:{}", kPort),
                    fmt::format("--tls-cert={}/tls.crt", kTlsDirectory),
                    fmt::format("--tls-key={}/tls.key", kTlsDirectory), "--drain=10s"};
  for (const std::string& flag : to.flags) arguments.push_back(flag);
  return {{"name", "webhook"},
          {"image", to.image},
          {"args", std::move(arguments)},
          {"ports", {{{"name", "https"}, {"containerPort", kPort}}}},
          {"readinessProbe", probe("/ready")},
          {"livenessProbe", probe("/live")},
          {"resources",
           {{"requests", {{"cpu", "10m"}, {"memory", "32Mi"}}}, {"limits", {{"memory", "256Mi"}}}}},
          {"securityContext",
           {{"allowPrivilegeEscalation", false},
            {"capabilities", {{"drop", {"ALL"}}}},
            {"readOnlyRootFilesystem", true}}},
          {"volumeMounts", {{{"name", "tls"}, {"mountPath", kTlsDirectory}, {"readOnly", true}}}}};
}

/// Not both on one node, where there are more.
json apart() {
  const json term = {{"weight", 1},
                     {"podAffinityTerm",
                      {{"topologyKey", "kubernetes.io/hostname"},
                       {"labelSelector", {{"matchLabels", labels()}}}}}};
  return {{"podAntiAffinity",
           {{"preferredDuringSchedulingIgnoredDuringExecution", json::array({term})}}}};
}

json deployment(const Installation& to) {
  json made = object("apps/v1", "Deployment", kName, to.name_space);
  const json pod = {{"automountServiceAccountToken", false},  // it asks the cluster nothing
                    {"affinity", apart()},
                    {"containers", json::array({container(to)})},
                    {"securityContext",
                     {{"runAsNonRoot", true}, {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
                    {"volumes", {{{"name", "tls"}, {"secret", {{"secretName", to.tls_secret}}}}}}};
  made["spec"] = {{"replicas", to.replicas},
                  {"selector", {{"matchLabels", labels()}}},
                  {"template", {{"metadata", {{"labels", labels()}}}, {"spec", pod}}}};
  return made;
}

json service(const Installation& to) {
  json made = object("v1", "Service", kName, to.name_space);
  made["spec"] = {
      {"selector", labels()},
      {"ports", {{{"name", "https"}, {"port", kServicePort}, {"targetPort", "https"}}}}};
  return made;
}

json configuration(const Installation& to) {
  json made = object("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration",
                     "scanflow-injection", "");
  const json rule = {{"apiGroups", {""}},
                     {"apiVersions", {"v1"}},
                     {"operations", {"CREATE"}},
                     {"resources", {"pods"}},
                     {"scope", "Namespaced"}};
  // Its own namespace never: it would have to run before it can.
  const json selector = {
      {{"key", inject::kNamespaceLabel}, {"operator", "In"}, {"values", {"enabled"}}},
      {{"key", "kubernetes.io/metadata.name"}, {"operator", "NotIn"}, {"values", {to.name_space}}}};
  const json service = {
      {"name", kName}, {"namespace", to.name_space}, {"path", "/inject"}, {"port", kServicePort}};
  made["webhooks"] =
      json::array({{{"name", "inject.scanflow.dev"},
                    {"admissionReviewVersions", {"v1"}},
                    {"clientConfig", {{"caBundle", http::base64(to.ca)}, {"service", service}}},
                    {"failurePolicy", "Ignore"},  // apps start without us
                    {"namespaceSelector", {{"matchExpressions", selector}}},
                    {"reinvocationPolicy", "IfNeeded"},
                    {"rules", json::array({rule})},
                    {"sideEffects", "None"},
                    {"timeoutSeconds", kTimeout_s}}});
  return made;
}

}  // namespace

std::vector<std::string> dns_names(const std::string& name_space) {
  const std::string service = fmt::format("{}.{}.svc", kName, name_space);
  return {service, service + ".cluster.local"};
}

json manifests(const Installation& installation) {
  json all = json::array();
  if (installation.makes_namespace) all.push_back(name_space_of(installation));
  if (!installation.key.empty()) all.push_back(secret(installation));
  all.push_back(deployment(installation));
  all.push_back(service(installation));
  all.push_back(configuration(installation));
  return all;
}

}  // namespace scanflow::webhook
