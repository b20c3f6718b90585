// Who owns which fields of an object: metadata.managedFields, and server-side apply. Pure.
#pragma once

#include <string>

#include "tests/support/kube/resource.hpp"

namespace scanflow::test::kube {

struct Writer {
  std::string manager, time, subresource;
};

/// Records that `after` was written over `before` (null: nothing) by an update of the writer's: what
/// changed is its own from now on, and no one else's.
void record_update(const Resource& resource, const json& before, json& after, const Writer& writer);

/// `object` (null: there is none) with a configuration applied by a manager. Throws Refusal (409)
/// where others own what it would change, unless forced. What the manager applied before, and does
/// no more, and nobody else owns, goes.
json applied(const Resource& resource, const json& object, const json& configuration,
             const Writer& writer, bool force);

}  // namespace scanflow::test::kube
