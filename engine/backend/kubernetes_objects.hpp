// What a cluster is given beside Pods, and what its answers mean for a step. Pure.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/kube/failure.hpp"
#include "engine/kube/kind.hpp"

namespace scanflow::backend {

/// "scanflow.dev/state=STATE": of all that an engine with this state makes.
std::string label_of(const std::string& state);
nlohmann::json owner_of(const std::string& name, const std::string& state);
nlohmann::json secret_of(const std::string& name, const std::string& state,
                         const std::map<std::string, std::string>& data);
/// It goes with its owner.
void own(nlohmann::json& object, const kube::Kind& kind, const std::string& name,
         const std::string& uid);
/// Does this cluster (its /version) keep init containers with restartPolicy Always?
bool keeps_sidecars(const nlohmann::json& version);
/// Why Pods cannot reach an engine by that; "": they may.
std::string wrong_advertise(const std::string& host);
bool is_over_quota(const kube::Failure& failure);
/// A name of pipeline::Cause: "config" where to try again changes nothing.
std::string cause_of(const kube::Failure& failure);

}  // namespace scanflow::backend
