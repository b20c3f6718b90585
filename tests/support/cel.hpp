// As much of the Common Expression Language as the project's admission policy speaks, evaluated as the
// specification has it (https://github.com/google/cel-spec). A field that is not there, and whatever
// else an API server would call an error, throws; so does a name or syntax that is not known here.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace scanflow::test::cel {

/// What names stand for; asked when they are met.
using Scope = std::function<const nlohmann::json&(const std::string& name)>;

nlohmann::json evaluate(const std::string& expression, const Scope& scope);

/// What an API server makes of an object by a MutatingAdmissionPolicy: all conditions, then each
/// mutation's patch on what the one before has made. Null: a condition, `failed`, does not hold.
nlohmann::json admit(const nlohmann::json& policy, nlohmann::json object, std::string* failed);

}  // namespace scanflow::test::cel
