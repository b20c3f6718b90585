// Objects that several tests decide by: as an API server gives them, as far as that matters.
#pragma once

#include <string>

#include "engine/orchestrate/change.hpp"
#include "engine/orchestrate/target.hpp"

namespace scanflow::orchestrate {

inline Target web() { return {kinds::kDeployment, "shop", "web"}; }

inline json metadata_of(const std::string& name) {
  return {{"name", name}, {"namespace", "shop"}, {"resourceVersion", "7"}, {"generation", 1}};
}
inline json deployment() {
  const json container = {{"name", "main"},
                          {"image", "web:1"},
                          {"resources", {{"requests", {{"cpu", "500m"}, {"memory", "1Gi"}}}}}};
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", metadata_of("web")},
          {"spec",
           {{"replicas", 2},
            {"selector", {{"matchLabels", {{"app", "web"}}}}},
            {"template",
             {{"metadata", {{"labels", {{"app", "web"}}}}},
              {"spec", {{"containers", json::array({container})}}}}}}}};
}
inline json owned_by(json object, const std::string& version, const std::string& kind,
                     const std::string& name) {
  object["metadata"]["ownerReferences"] = json::array(
      {{{"apiVersion", version}, {"kind", kind}, {"name", name}, {"controller", true}}});
  return object;
}
inline json scale_of(int replicas) {
  json scale = {{"kind", "Scale"}, {"metadata", metadata_of("web")}, {"spec", json::object()}};
  if (replicas != 0) scale["spec"]["replicas"] = replicas;
  return scale;
}
inline json reference() {
  return {{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", "web"}};
}
inline json autoscaler(int least, int most) {
  return {
      {"apiVersion", "autoscaling/v2"},
      {"kind", "HorizontalPodAutoscaler"},
      {"metadata", metadata_of("web-hpa")},
      {"spec", {{"scaleTargetRef", reference()}, {"minReplicas", least}, {"maxReplicas", most}}}};
}
inline json scaled_object(const json& annotations = json::object()) {
  json object = {{"apiVersion", "keda.sh/v1alpha1"},
                 {"kind", "ScaledObject"},
                 {"metadata", metadata_of("web-so")},
                 {"spec",
                  {{"scaleTargetRef", {{"name", "web"}}},
                   {"minReplicaCount", 1},
                   {"maxReplicaCount", 5},
                   {"triggers", json::array({{{"type", "cron"}}})}}}};
  if (!annotations.empty()) object["metadata"]["annotations"] = annotations;
  return object;
}

}  // namespace scanflow::orchestrate
