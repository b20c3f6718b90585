// What scalars mean to Kubernetes, which reads YAML by the rules of version 1.1 as Go's library has
// them; and which texts mean the same to every reader.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "engine/inject/node.hpp"

namespace scanflow::inject {

/// Of a scalar. What has no place in JSON (.inf, .nan) is its text.
nlohmann::json scalar_value(const Node& scalar);

/// May this text stand without quotes, and be text to any reader, of YAML 1.1 or 1.2?
bool is_plain_text(std::string_view text);
/// May this text stand without quotes at all, whatever it means?
bool can_be_plain(std::string_view text);

}  // namespace scanflow::inject
