// The request to the model registry: pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace scanflow::model {

/// What is wrong with a model's name and how to mend it; empty where it is good: [a-z0-9_.-]+, at
/// most 128 characters.
std::string name_problem(const std::string& name);

/// {"name", "input", "metrics", "tags"}: the card's metrics, with those of the step over them.
/// Throws std::invalid_argument where metrics are not numbers or tags not plain values: which, and
/// the fix.
nlohmann::json make_request(const std::string& name, const nlohmann::json& metrics,
                            const nlohmann::json& tags, const nlohmann::json& card);

}  // namespace scanflow::model
