#include "engine/backend/kubernetes_objects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "engine/http/base64.hpp"
#include "engine/kube/fields.hpp"

namespace scanflow::backend {

using nlohmann::json;

namespace {

json metadata_of(const std::string& name, const std::string& state) {
  return {
      {"name", name},
      {"labels", {{"app.kubernetes.io/managed-by", "scanflow"}, {"scanflow.dev/state", state}}}};
}

int number_of(const json& version, const char* field) {
  const std::string text = kube::text_of(version, field);  // "29+" of some vendors
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

std::string label_of(const std::string& state) { return "scanflow.dev/state=" + state; }

json owner_of(const std::string& name, const std::string& state) {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", metadata_of(name, state)},
          {"data",
           {{"about", "Owner of all that a Scanflow engine has made here: it goes with this."}}}};
}

json secret_of(const std::string& name, const std::string& state,
               const std::map<std::string, std::string>& data) {
  json encoded = json::object();
  for (const auto& [key, value] : data) encoded[key] = http::base64(value);
  return {{"apiVersion", "v1"},
          {"kind", "Secret"},
          {"type", "scanflow.dev/hub"},
          {"metadata", metadata_of(name, state)},
          {"data", std::move(encoded)}};
}

void own(json& object, const kube::Kind& kind, const std::string& name, const std::string& uid) {
  object["metadata"]["ownerReferences"] = json::array(
      {{{"apiVersion", kind.api_version()}, {"kind", kind.kind}, {"name", name}, {"uid", uid}}});
}

bool keeps_sidecars(const json& version) {
  constexpr int kSince = 29;
  const int major = number_of(version, "major");
  return major > 1 || (major == 1 && number_of(version, "minor") >= kSince);
}

std::string wrong_advertise(const std::string& host) {
  if (host.empty()) {
    return "Pods of a cluster must reach this engine, and nobody has said how: --hub-advertise "
           "ADDRESS (or "
           "$SCANFLOW_HUB_ADVERTISE) is a name or an address of this machine that they can connect "
           "to; or let an "
           "engine in the cluster do it (scanflow run --server URL)";
  }
  if (host == "localhost" || host.starts_with("127.") || host == "::1" || host == "0.0.0.0") {
    return fmt::format(
        "--hub-advertise {}: for a Pod that is the Pod itself; give an address of this machine "
        "that Pods can "
        "connect to",
        host);
  }
  return {};
}

bool is_over_quota(const kube::Failure& failure) {
  return failure.is("Forbidden") && failure.message.find("exceeded quota") != std::string::npos;
}

std::string cause_of(const kube::Failure& failure) {
  constexpr int kConflict = 409, kTooMany = 429, kServers = 500;
  const bool passing = failure.code == 0 ? failure.reason != "Credentials"
                                         : failure.code == kConflict || failure.code == kTooMany ||
                                               failure.code >= kServers;
  return passing || is_over_quota(failure) ? "retryable" : "config";
}

}  // namespace scanflow::backend
