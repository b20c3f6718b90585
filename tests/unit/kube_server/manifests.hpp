// Manifests that several tests make.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace scanflow::test::kube {

using nlohmann::json;

inline json map_of(const std::string& name, const json& data) {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", {{"name", name}}},
          {"data", data.is_null() ? json::object() : data}};
}

/// One container of a Pod that ends; without what the API server fills in.
inline json pod_of(const std::string& name, const json& labels = json::object()) {
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", {{"name", name}, {"labels", labels}}},
          {"spec",
           {{"restartPolicy", "Never"},
            {"containers", json::array({{{"name", "main"}, {"image", "localhost/probe:1"}}})}}}};
}

inline json namespace_of(const std::string& name, const json& labels = json::object()) {
  return {{"apiVersion", "v1"},
          {"kind", "Namespace"},
          {"metadata", {{"name", name}, {"labels", labels}}}};
}

}  // namespace scanflow::test::kube
