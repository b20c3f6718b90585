// Which objects hold Pods, and where in them. By group and kind: what is merely called alike, in
// another group, is somebody else's.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace scanflow::inject {

/// One Pod, or template of Pods, in an object.
struct Workload {
  std::string name;        // for people: "Deployment web", "Pod job-* (generateName)"
  std::string name_space;  // as the object says, or as it was given
  std::string object;      // JSON pointers (RFC 6901) into what was looked at: the object itself,
  std::string pod;         // and within it what holds the Pod's metadata and spec
};

/// All of them: one, several of a list (also of a list of lists), or none. `name_space`: of objects
/// that name none.
std::vector<Workload> workloads(const nlohmann::json& object, std::string_view name_space);

/// The value under a key; null where there is none, or `object` is no object.
const nlohmann::json& member(const nlohmann::json& object, std::string_view key);
/// The same as text; "" where it is none.
std::string text_of(const nlohmann::json& object, std::string_view key);

}  // namespace scanflow::inject
