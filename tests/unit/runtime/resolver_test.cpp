#include "engine/runtime/resolver.hpp"

#include <gtest/gtest.h>

#include "engine/pipeline/reader.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::runtime {
namespace {

using run::EventType;

/// A step `b` that needs `a`, and what `a` gave.
struct Case {
  explicit Case(const std::string& b, json outputs = json::object()) {
    catalog = std::make_shared<const loader::Catalog>(loader::Catalog::built_in());
    Submission submission;
    submission.file = "p.yaml";
    submission.source =
        "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nparams: {n: 3}\nsteps:\n"
        "  - {name: a-one, run: 'true'}\n"
        "  - {name: b, needs: [a-one], " +
        b + "}\n";
    auto prepared = prepare(submission, catalog);
    if (!prepared) throw std::runtime_error(prepared.error().message);
    job.plan = prepared->plan;
    job.step = 1;
    job.plugin = catalog->find(job.plan->spec_of(1).uses);
    const json artifact = {
        {"path", "/store/x"}, {"sha256", std::string(64, 'a')}, {"bytes", 3}, {"directory", false}};
    job.views["a-one"] = {{nullptr, "succeeded", 1.5,
                           std::make_shared<const json>(
                               json{{"outputs", outputs}, {"artifacts", {{"model", artifact}}}})}};
  }
  run::Event resolve() {
    return runtime::resolve(job, nullptr, store::Artifacts(files / "artifacts"));
  }

  test::TempDir files;
  std::shared_ptr<const loader::Catalog> catalog;
  ResolveJob job;
};

TEST(Resolver, KeepsTypesAndMovesArtifactsToTheInputs) {
  Case given(
      "run: echo, with: {n: '${{ params.n + 1 }}', text: 'n=${{ params.n }}', "
      "model: '${{ steps.a-one.artifacts.model }}', list: '${{ steps.a-one.outputs.list }}'}",
      {{"list", json::array()}});
  const run::Event event = given.resolve();
  ASSERT_EQ(event.type, EventType::step_resolved) << (event.data ? event.data->dump() : "");
  const json& config = event.data->at("config");
  EXPECT_EQ(config.at("n"), 4);
  EXPECT_TRUE(config.at("n").is_number_integer());
  EXPECT_EQ(config.at("text"), "n=3");
  EXPECT_EQ(config.at("list"), json::array());
  EXPECT_FALSE(config.contains("model"));
  EXPECT_EQ(event.data->at("inputs").at("model").at("path"), "/store/x");
}

TEST(Resolver, AConditionThatIsFalseSkips) {
  EXPECT_EQ(
      Case("uses: noop, when: '${{ steps.a-one.outputs.x == 1 }}'", {{"x", 2}}).resolve().type,
      EventType::step_skipped);
  EXPECT_EQ(
      Case("uses: noop, when: '${{ steps.a-one.outputs.x == 2 }}'", {{"x", 2}}).resolve().type,
      EventType::step_resolved);
}

TEST(Resolver, AnErrorNamesTheFieldAndIsAConfigurationError) {
  const run::Event event =
      Case("run: echo, with: {x: '${{ steps.a-one.outputs.missing.deeper }}'}", {{"length", 3}})
          .resolve();
  EXPECT_EQ(event.type, EventType::step_failed);
  EXPECT_EQ(event.cause, run::Cause::config);
  const std::string message = event.data->at("message");
  EXPECT_NE(message.find("with.x"), std::string::npos) << message;
  EXPECT_NE(message.find("a-one has the outputs: length"), std::string::npos) << message;
}

TEST(Resolver, TheCacheKeyDependsOnInputsAndConfigurationButNotOnPaths) {
  const std::string b =
      "run: echo, cache: true, with: {n: '${{ params.n }}', m: '${{ steps.a-one.artifacts.model "
      "}}'}";
  Case same(b);
  Case moved(b);
  json artifacts = *moved.job.views["a-one"][0].result;
  artifacts["artifacts"]["model"]["path"] = "/elsewhere/x";
  moved.job.views["a-one"][0].result = std::make_shared<const json>(artifacts);
  Case changed(b);
  artifacts["artifacts"]["model"]["sha256"] = std::string(64, 'b');
  changed.job.views["a-one"][0].result = std::make_shared<const json>(artifacts);
  const std::string first = same.resolve().data->at("cache_key");
  EXPECT_EQ(first, moved.resolve().data->at("cache_key").get<std::string>());
  EXPECT_NE(first, changed.resolve().data->at("cache_key").get<std::string>());
  EXPECT_NE(first, Case("run: echo, cache: true, with: {n: '${{ params.n + 1 }}', m: '${{ "
                        "steps.a-one.artifacts.model }}'}")
                       .resolve()
                       .data->at("cache_key")
                       .get<std::string>());
}

}  // namespace
}  // namespace scanflow::runtime
