// What a primitive wants to be changed, before anybody is asked for it. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "engine/orchestrate/outcome.hpp"
#include "engine/orchestrate/target.hpp"

namespace scanflow::orchestrate {

/// A patch of one object.
struct Change {
  Target target;
  json before;  // as it was read; null: there is none yet
  json body;
  kube::Patch how = kube::Patch::merge;
  std::string subresource = {};
  bool force = false;  // of `apply`: takes fields that are others'
};

struct Plan {
  std::vector<Change> changes;  // one after the other; none: it is so already
  std::string message;          // what is so then
  json evidence = json::object();
};
using Planned = tl::expected<Plan, Outcome>;

/// A merge patch (RFC 7386) by which `before` becomes `after`.
json merge_diff(const json& before, const json& after);
/// The same for an object of the API server, which refuses it where others have changed that meanwhile.
json guarded_diff(const json& before, const json& after);

/// Those fields of an object that a patch names, without its identity; null where there are none. `strategic`: of
/// lists the elements of its names.
json touched(const json& object, const json& patch, bool strategic = false);

/// "3 replicas", "1 replica".
std::string counted(std::int64_t count, const char* what);

}  // namespace scanflow::orchestrate
