// A Pod's manifest as podman 4.3 has to get it. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::podman {

/// The Pod's name; an error where the manifest is no Pod, or has none that podman takes.
Result<std::string> name_of(const nlohmann::json& manifest);

/// The manifest, changed where podman would do something else with it than Kubernetes:
/// - an emptyDir is a volume with its plain name, which Pods share that call theirs the same: its
///   name becomes NAME-POD;
/// - an annotation of more than 63 characters is refused: it is left out;
/// - a secret volume without `optional` makes podman crash, and with it stays behind for good; a
///   variable from a Secret is not read: both are refused (mount a file by hostPath instead);
/// - an init container that has done its work is started again where the Pod's restartPolicy is Always,
///   and then it cannot be removed, and the Pod not started: it becomes OnFailure;
/// - a limit (or request) of `unlimited` ("memory", "cpu") keeps a container from its start where this user has no
///   cgroup for it: it is left out.
Result<nlohmann::json> for_podman(nlohmann::json manifest,
                                  const std::vector<std::string>& unlimited = {});

}  // namespace scanflow::podman
