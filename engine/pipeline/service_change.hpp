// What primitives have changed of a registered service (scale, set_traffic), beside its document: kept until another version
// of that is applied.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/pipeline/service_spec.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::pipeline {

struct ServiceChange {
  std::uint32_t version = 0;              // of the document that it is a change of
  std::optional<std::uint32_t> replicas;  // of one that is scaled by itself, at least so many
  std::map<std::string, std::vector<ServiceVersion>> traffic;  // by node
};

/// Under which name the store keeps it.
inline std::string kept_as(const std::string& name_space, const std::string& name) {
  return "service " + name_space + "/" + name;
}

json to_json(const ServiceChange& change);
/// What is no change is none.
ServiceChange service_change_from_json(const json& document);

/// `args` as the schemas of service_primitives() have them. An error says what does not fit the service.
Result<void> scale_service(ServiceChange& change, const json& args);
Result<void> set_service_traffic(ServiceChange& change, const ServiceSpec& spec, const json& args);

/// As it is served.
ServiceSpec changed(ServiceSpec spec, const ServiceChange& change);

}  // namespace scanflow::pipeline
