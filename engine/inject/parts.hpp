// What is put into a Pod, as JSON. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "engine/inject/pod.hpp"
#include "engine/inject/settings.hpp"

namespace scanflow::inject {

std::vector<nlohmann::json> volumes(const PodFacts& facts, const Settings& settings);
/// The init container that brings the launcher onto the shared volume.
nlohmann::json launcher_container(const PodFacts& facts, const Settings& settings);
nlohmann::json sidecar_container(const PodFacts& facts, const Settings& settings);
/// Variables of one of the app's containers.
std::vector<nlohmann::json> app_environment(const AppContainer& container,
                                            const Settings& settings);
/// Where each of the app's containers has the shared volume.
nlohmann::json app_mount();

}  // namespace scanflow::inject
