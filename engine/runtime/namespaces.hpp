// Namespaces whose Pods may come to the hub without that the engine has made them for an attempt: injected ones, and those
// of services. They share a key, which follows from the hub's as those of Pods do; which Pod one is a token says
// (enrolment.hpp). Where nobody gives Pods tokens (podman), each has a key of its own.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "engine/runtime/hub_identity.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::runtime {

/// Who the sidecars of a namespace are to the hub; no Pod is called so.
std::string user_of_namespace(const std::string& name_space);
/// Who the sidecar of that one Pod of a namespace is, with a key of its own.
std::string user_of_pod(const std::string& name_space, const std::string& pod);
/// None: it is no such user.
std::optional<std::string> namespace_of_user(const std::string& user);
/// None: it is no such user, or all of a namespace are.
std::optional<std::string> pod_of_user(const std::string& user);

/// None is no error: there is no file.
Result<std::set<std::string>> read_namespaces(const std::filesystem::path& file);
Result<void> write_namespaces(const std::filesystem::path& file,
                              const std::set<std::string>& namespaces);

}  // namespace scanflow::runtime
