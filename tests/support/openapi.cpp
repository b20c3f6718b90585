#include "tests/support/openapi.hpp"

#include <fmt/format.h>

namespace scanflow::test {

using nlohmann::json;

namespace {

constexpr const char* kNoSchema = "the document has no schema of this kind";

bool has_type(const json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  return type == "number" && value.is_number();
}

}  // namespace

const json* OpenApi::schema_of(const json& object) const {
  const std::string api_version = object.value("apiVersion", "");
  const std::size_t slash = api_version.find('/');
  const std::string group = slash == std::string::npos ? "" : api_version.substr(0, slash);
  const std::string version =
      slash == std::string::npos ? api_version : api_version.substr(slash + 1);
  const json wanted = {{"group", group}, {"version", version}, {"kind", object.value("kind", "")}};
  for (const json& schema : document_.at("components").at("schemas")) {
    const auto kinds = schema.find("x-kubernetes-group-version-kind");
    if (kinds == schema.end()) continue;
    for (const json& each : *kinds) {
      if (each == wanted) return &schema;
    }
  }
  return nullptr;
}

const json& OpenApi::resolve(const json& schema) const {
  if (const auto all = schema.find("allOf"); all != schema.end()) return resolve(all->at(0));
  const auto reference = schema.find("$ref");
  if (reference == schema.end()) return schema;
  return document_.at(json::json_pointer(reference->get<std::string>().substr(1)));
}

std::vector<std::string> OpenApi::problems(const json& object) const {
  const json* schema = schema_of(object);
  if (schema == nullptr) return {kNoSchema};
  std::vector<std::string> problems;
  check(object, *schema, "", problems);
  return problems;
}

void OpenApi::check(const json& value, const json& outer, const std::string& path,
                    std::vector<std::string>& problems) const {
  const json& schema = resolve(outer);
  if (value.is_null()) return;  // as if it were left out
  if (const auto one = schema.find("oneOf"); one != schema.end()) {
    for (const json& each : *one) {
      if (has_type(value, each.at("type"))) return;
    }
    problems.push_back(fmt::format("{} is of none of the types {}", path, one->dump()));
    return;
  }
  const std::string type = schema.value("type", "");
  if (!type.empty() && !has_type(value, type)) {
    problems.push_back(fmt::format("{} is no {}: {}", path, type, value.dump()));
    return;
  }
  if (const auto words = schema.find("enum"); words != schema.end()) {
    if (std::find(words->begin(), words->end(), value) == words->end())
      problems.push_back(fmt::format("{} is {}, not one of {}", path, value.dump(), words->dump()));
  }
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i)
      check(value[i], schema.at("items"), fmt::format("{}/{}", path, i), problems);
  }
  if (value.is_object()) check_object(value, schema, path, problems);
}

void OpenApi::check_object(const json& value, const json& schema, const std::string& path,
                           std::vector<std::string>& problems) const {
  const json properties = schema.value("properties", json::object());
  const auto more = schema.find("additionalProperties");
  for (const auto& [key, each] : value.items()) {
    if (properties.contains(key)) {
      check(each, properties[key], path + "/" + key, problems);
    } else if (more != schema.end()) {
      check(each, *more, path + "/" + key, problems);
    } else if (!properties.empty()) {
      problems.push_back(fmt::format("{} has an unknown field {}", path, key));
    }
  }
  for (const json& name : schema.value("required", json::array())) {
    if (!value.contains(name.get<std::string>()))
      problems.push_back(fmt::format("{} lacks {}", path, name.dump()));
  }
}

std::vector<std::string> problems_of(const std::vector<OpenApi>& documents, const json& object) {
  std::vector<std::string> problems = {kNoSchema};
  for (const OpenApi& document : documents) {
    problems = document.problems(object);
    if (problems != std::vector<std::string>{kNoSchema}) break;
  }
  return problems;
}

}  // namespace scanflow::test
