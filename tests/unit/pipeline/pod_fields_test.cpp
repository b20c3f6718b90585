// What a step may say of its Pod against what Kubernetes says, where that is at hand: SCANFLOW_KUBE names the
// directory with openapi/api_v1.json.
#include "engine/pipeline/pod_fields.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/pipeline/fields.hpp"
#include "tests/support/kube_recordings.hpp"

namespace scanflow::pipeline {
namespace {

using nlohmann::json;

class PodFields : public testing::Test {
 protected:
  void SetUp() override {
    const auto document = scanflow::test::recording("openapi/api_v1.json");
    if (!document) GTEST_SKIP() << scanflow::test::kNoRecordings;
    schemas_ = (*document)["components"]["schemas"];
  }

  const json& resolved(const json& schema) const {
    const json& where = schema.contains("allOf") ? schema["allOf"][0] : schema;
    if (!where.contains("$ref")) return where;
    const std::string name = where["$ref"];
    return schemas_[name.substr(name.rfind('/') + 1)];
  }

  void compare(const Table& table, const json& schema, const std::string& place) {
    const json none = json::array();
    const json& required = schema.contains("required") ? schema["required"] : none;
    for (const Field& field : table.fields) {
      const std::string name(field.name), at = place + "." + name;
      if (!schema["properties"].contains(name)) {
        ADD_FAILURE() << at << " is no field of Kubernetes";
        continue;
      }
      compare(field, resolved(schema["properties"][name]), at);
      EXPECT_EQ(field.required, std::count(required.begin(), required.end(), name) > 0) << at;
    }
    for (const auto& [name, property] : schema["properties"].items()) {
      const bool known = std::any_of(table.fields.begin(), table.fields.end(),
                                     [&](const Field& field) { return field.name == name; });
      const bool instead = &table == &pod_template_fields() && !instead_of_pod_field(name).empty();
      EXPECT_TRUE(known || instead || name == "windowsOptions") << place << " lacks " << name;
    }
  }

  void compare(const Field& field, const json& schema, const std::string& at) {
    const std::string type = schema.value("type", "");
    const unsigned expected = type == "string"    ? kText
                              : type == "integer" ? kInt
                              : type == "boolean" ? kBool
                              : type == "array"   ? kList
                                                  : kMap;
    EXPECT_EQ(field.types, expected) << at << " is " << type;
    if (schema.contains("enum")) {
      const std::set<std::string> words(field.words.begin(), field.words.end());
      EXPECT_EQ(words, schema["enum"].get<std::set<std::string>>()) << at;
    }
    if (expected == kList) {
      ASSERT_NE(field.each, nullptr) << at;
      compare(*field.each, resolved(schema["items"]), at + "[]");
    }
    if (expected != kMap) return;
    ASSERT_NE(field.table, nullptr) << at;
    if (!schema.contains("additionalProperties")) return compare(field.table(), schema, at);
    ASSERT_NE(field.table().others, nullptr) << at;
    compare(*field.table().others, resolved(schema["additionalProperties"]), at + ".*");
  }

  json schemas_;
};

TEST_F(PodFields, AreThoseOfKubernetes) {
  compare(pod_template_fields(), schemas_["io.k8s.api.core.v1.PodSpec"], "spec");
}

}  // namespace
}  // namespace scanflow::pipeline
