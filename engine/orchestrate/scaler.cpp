#include "engine/orchestrate/scaler.hpp"

#include <algorithm>

#include "engine/kube/fields.hpp"

namespace scanflow::orchestrate {
namespace {

constexpr const char* kFixedAt = "autoscaling.keda.sh/paused-replicas";
constexpr const char* kPaused = "autoscaling.keda.sh/paused";
constexpr std::int64_t kMostOfKeda = 100;

json annotation(const json& object, const char* name) {
  return kube::part_of(kube::part_of(object, "metadata"), "annotations").value(name, json());
}

bool is_scaled_by(const Target& workload, const json& object) {
  const json& reference = kube::part_of(kube::part_of(object, "spec"), "scaleTargetRef");
  const std::string kind = kube::text_of(reference, "kind");
  const std::string version = kube::text_of(reference, "apiVersion");
  const std::string group = version.substr(0, version.find('/'));
  // Of KEDA both may be left out: a Deployment.
  const bool same_kind = (kind.empty() ? "Deployment" : kind) == workload.kind.kind;
  const bool same_group =
      version.empty() ||
      (version.find('/') == std::string::npos ? "" : group) == workload.kind.group;
  return same_kind && same_group && kube::text_of(reference, "name") == workload.name;
}

Scaler scaler_from(const kube::Kind& kind, const Target& workload, const json& object) {
  return {{kind, workload.name_space, kube::text_at(object, "/metadata/name"_json_pointer)},
          object};
}

std::int64_t bound(const json& object, const char* field, std::int64_t usual) {
  const json value = kube::part_of(object, "spec").value(field, json());
  return value.is_number_integer() ? value.get<std::int64_t>() : usual;
}

}  // namespace

std::int64_t Scaler::least() const {
  return is_keda() ? bound(object, "minReplicaCount", 0) : bound(object, "minReplicas", 1);
}
std::int64_t Scaler::most() const {
  return is_keda() ? bound(object, "maxReplicaCount", kMostOfKeda)
                   : bound(object, "maxReplicas", least());
}
bool Scaler::is_fixed() const { return is_keda() && annotation(object, kFixedAt).is_string(); }
bool Scaler::is_paused() const {
  return is_keda() && !is_fixed() && annotation(object, kPaused) == json("true");
}

std::optional<Scaler> scaler_of(const Target& workload, const std::vector<json>& autoscalers,
                                const std::vector<json>& scaled_objects) {
  for (const json& each : scaled_objects) {
    if (is_scaled_by(workload, each)) return scaler_from(kinds::kScaledObject, workload, each);
  }
  for (const json& each : autoscalers) {
    if (is_scaled_by(workload, each)) return scaler_from(kinds::kAutoscaler, workload, each);
  }
  return std::nullopt;
}

Change change_of(const Scaler& scaler, std::int64_t replicas, bool fixed) {
  json after = scaler.object;
  if (scaler.is_keda() && (fixed || scaler.is_fixed())) {
    after["metadata"]["annotations"][kFixedAt] = std::to_string(replicas);
  } else {
    const bool keda = scaler.is_keda();
    json& spec = after["spec"];
    spec[keda ? "minReplicaCount" : "minReplicas"] = replicas;
    const char* most = keda ? "maxReplicaCount" : "maxReplicas";
    if (fixed || scaler.most() < replicas) spec[most] = std::max<std::int64_t>(replicas, 1);
  }
  return {scaler.target, scaler.object, guarded_diff(scaler.object, after)};
}

}  // namespace scanflow::orchestrate
