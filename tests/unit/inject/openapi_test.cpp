// Injected objects against the schemas of a real API server, where they are at hand: SCANFLOW_KUBE
// names the directory with openapi/api_v1.json and others.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/support/kube_recordings.hpp"
#include "tests/support/openapi.hpp"
#include "tests/unit/inject/support.hpp"

namespace scanflow::inject {
namespace {

using nlohmann::json;

class OpenApiTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const auto& [version, file] : std::map<std::string, std::string>{
             {"v1", "api_v1"}, {"apps/v1", "apis_apps_v1"}, {"batch/v1", "apis_batch_v1"}}) {
      const auto document = test::recording("openapi/" + file + ".json");
      if (!document) GTEST_SKIP() << test::kNoRecordings;
      documents_.emplace(version, *document);
    }
  }

  std::vector<std::string> problems(const json& object) const {
    const auto document = documents_.find(object.value("apiVersion", ""));
    if (document == documents_.end()) return {"no document has its apiVersion"};
    return document->second.problems(object);
  }

  std::map<std::string, test::OpenApi> documents_;
};

TEST_F(OpenApiTest, FindsWhatIsWrong) {
  json pod = simple_pod();
  EXPECT_TRUE(problems(pod).empty());
  pod["spec"]["hostNetwork"] = "yes";
  pod["spec"]["containers"][0]["imagePullPolicy"] = "always";
  pod["spec"]["containers"][0].erase("name");
  pod["spec"]["containres"] = 1;
  EXPECT_THAT(problems(pod), testing::UnorderedElementsAre(
                                 testing::HasSubstr("/spec has an unknown field containres"),
                                 testing::HasSubstr("/spec/hostNetwork is no boolean"),
                                 testing::HasSubstr("imagePullPolicy is \"always\""),
                                 testing::HasSubstr("lacks \"name\"")));
}

/// Each kind, with each variant of settings. Items of lists one by one.
TEST_F(OpenApiTest, WhatIsInjectedIsValid) {
  int checked = 0;
  for (const CorpusFile& file : corpus()) {
    for (const Settings& settings : variants()) {
      for (const Document& document : documents_of(file.text)) {
        const json object = to_json(tree_of(document));
        const auto patch = inject(object, "default", settings);
        ASSERT_TRUE(patch) << patch.error().message;
        const json after = object.patch(patch->operations);
        for (const Report& report : patch->reports) {
          if (report.outcome != Outcome::injected) continue;
          const json::json_pointer place(report.pointer);
          if (!object.at(place).contains("kind") || !problems(object.at(place)).empty()) continue;
          ++checked;
          EXPECT_EQ(fmt::format("{}", fmt::join(problems(after.at(place)), "\n")), "")
              << file.name << ": " << report.workload;
        }
      }
    }
  }
  EXPECT_GE(checked, 100);
}

}  // namespace
}  // namespace scanflow::inject
