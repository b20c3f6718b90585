// Patches of the four types. Pure.
#pragma once

#include <string>

#include "tests/support/kube/resource.hpp"

namespace scanflow::test::kube {

/// `type`: without its parameters. Throws Refusal: 415 of another type, 400 of a malformed one, 422
/// of one that cannot be applied.
json patched(const Resource& resource, const json& object, const std::string& type,
             const json& patch);

/// Lists of some members are merged by a key; `$patch: delete` and `$setElementOrder` are known.
json strategically_merged(const json& object, const json& patch);
/// By what a list's elements are told apart; "" where the list is one value.
std::string merge_key_of(const std::string& member, const json& list);

}  // namespace scanflow::test::kube
