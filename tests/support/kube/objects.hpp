// How objects begin, change and end: stamps, generations, finalizers, owners. No rights, no
// admission: cluster components (kubelet, controllers) come here at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/support/kube/cluster.hpp"

namespace scanflow::test::kube {

/// What a new object gets before it is looked at: name of generateName, uid, time, generation,
/// defaults of its kind.
void stamp_new(Cluster& cluster, const Resource& resource, json& object);
/// stamp_new(), stored; with what follows: a namespace's ServiceAccount, the end of an object whose
/// owners are gone.
Held add_object(Cluster& cluster, const Resource& resource, json object);
Held store_new(Cluster& cluster, const Resource& resource, json object);

enum class Part { all, spec, status };
/// `object` in the place of `before`: what a write may not change stays as it was. Where nothing
/// keeps it any more, it goes.
Held replace_object(Cluster& cluster, const Resource& resource, const Held& before, json object,
                    Part part);
/// What it would be.
json replaced(const Resource& resource, const json& before, json object, Part part);

struct Deletion {
  std::optional<std::int64_t> grace_s;
  std::string propagation = "Background";
  std::string uid, version;  // preconditions
};
/// Its last state, or the one in which it waits for its end. Throws Refusal (404, 409).
Held delete_object(Cluster& cluster, const Resource& resource, const std::string& key,
                   const Deletion& deletion);
/// At once: the kubelet is done with it.
void finish(Cluster& cluster, const Resource& resource, const std::string& key);

}  // namespace scanflow::test::kube
