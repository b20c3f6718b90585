// Holds an object against a Kubernetes API server's OpenAPI v3 document, as strictly as the server
// does with fieldValidation=Strict: unknown fields are problems too.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace scanflow::test {

class OpenApi {
 public:
  explicit OpenApi(nlohmann::json document) : document_(std::move(document)) {}

  /// By the schema whose x-kubernetes-group-version-kind is the object's; each problem a line.
  std::vector<std::string> problems(const nlohmann::json& object) const;

 private:
  const nlohmann::json* schema_of(const nlohmann::json& object) const;
  const nlohmann::json& resolve(const nlohmann::json& schema) const;
  void check(const nlohmann::json& value, const nlohmann::json& schema, const std::string& path,
             std::vector<std::string>& problems) const;
  void check_object(const nlohmann::json& value, const nlohmann::json& schema,
                    const std::string& path, std::vector<std::string>& problems) const;

  nlohmann::json document_;
};

/// The same by the one of these documents that has the object's kind; that none has it is a problem.
std::vector<std::string> problems_of(const std::vector<OpenApi>& documents,
                                     const nlohmann::json& object);

}  // namespace scanflow::test
