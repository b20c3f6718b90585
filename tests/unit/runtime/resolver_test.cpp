#include "engine/runtime/resolver.hpp"

#include <gtest/gtest.h>

#include "engine/pipeline/reader.hpp"
#include "sdk/base/clock.hpp"
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
    job.planned = job.plan->steps[1];
    job.views["a-one"] = {{nullptr, nullptr, "succeeded", 1.5,
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

TEST(Resolver, AForEachIsExpandedAndItsItemsAreSeen) {
  const char* const b = "run: 'echo ${{ item.n }}', for_each: '${{ steps.a-one.outputs.list }}'";
  Case whole(b, {{"list", {{{"n", 7}}, {{"n", 8}}}}});
  whole.job.expand = true;
  const run::Event expanded = whole.resolve();
  ASSERT_EQ(expanded.type, EventType::step_expanded) << expanded.data->dump();
  EXPECT_EQ(expanded.data->at("items").size(), 2u);
  Case instance(b);
  instance.job.planned.item = {{"n", 8}};
  EXPECT_EQ(instance.resolve().data->at("config").at("run"), "echo 8");
}

TEST(Resolver, AForEachNeedsAListThatIsNotTooLong) {
  const auto said = [](const json& list) {
    Case given("run: echo, for_each: '${{ steps.a-one.outputs.list }}'", {{"list", list}});
    given.job.expand = true;
    const run::Event event = given.resolve();
    return std::string(name(event.type)) + ": " + event.data->value("message", "");
  };
  EXPECT_EQ(said(json::array()), "step_skipped: its for_each gave an empty list");
  EXPECT_EQ(said("abc"),
            "step_failed: p.yaml:7:12: for_each: needs a list, and ${{ steps.a-one.outputs.list }} "
            "is a string: \"abc\"");
  EXPECT_EQ(said(nullptr),
            "step_failed: p.yaml:7:12: for_each: needs a list, and ${{ steps.a-one.outputs.list }} "
            "is null\na-one has the outputs: list");
  EXPECT_EQ(said(std::vector<int>(10'001, 1)),
            "step_failed: p.yaml:7:12: for_each: 10001 items are more than 10000; let each stand "
            "for several");
}

TEST(Resolver, AConditionOverTheItemIsAskedOfEachAndAnotherOnce) {
  Case by_item("run: echo, for_each: [1, 2], when: '${{ item > 1 }}'");
  by_item.job.expand = true;
  EXPECT_EQ(by_item.resolve().type, EventType::step_expanded);
  by_item.job.expand = false;
  by_item.job.planned.item = 1;
  EXPECT_EQ(by_item.resolve().type, EventType::step_skipped);
  Case once(
      "run: echo, for_each: '${{ steps.a-one.outputs.none.deeper }}', when: '${{ params.n > 3 }}'");
  once.job.expand = true;
  EXPECT_EQ(once.resolve().type, EventType::step_skipped) << "the list is not looked at";
}

TEST(Resolver, AnApprovalAsksWithItsMessage) {
  Case gate("approve: 'Publish ${{ steps.a-one.outputs.x }}?'", {{"x", 3}});
  gate.job.plugin = nullptr;
  EXPECT_EQ(gate.resolve().data->at("message"), "Publish 3?");
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

TEST(Resolver, TheCacheGivesNothingOlderThanItsMaxAge) {
  const test::TempDir state;
  const auto store = store::Store::open(state.path(), store::Durability::process).value();
  const auto resolve = [&](const std::string& cache) {
    Case given("run: echo, cache: " + cache);
    return runtime::resolve(given.job, store.get(), store::Artifacts(state / "artifacts"));
  };
  const run::Event first = resolve("true");
  ASSERT_EQ(first.type, EventType::step_resolved);
  const std::int64_t two_hours_ago = wall_us() - 2 * 3'600'000'000LL;
  store::Batch batch;
  batch.cache.push_back({first.data->at("cache_key"), "run-1", "b", two_hours_ago, "{}", "{}"});
  store->commit(std::move(batch), [](const Result<void>& done) { ASSERT_TRUE(done); });
  for (const char* cache : {"true", "{max_age: 3h}"}) {
    run::Event hit = resolve(cache);
    ASSERT_EQ(hit.type, EventType::step_cached) << cache;
    EXPECT_EQ(hit.data->at("from"), "run-1");
    EXPECT_EQ(hit.data->at("time_us"), two_hours_ago);
  }
  EXPECT_EQ(resolve("{max_age: 1h}").type, EventType::step_resolved);
}

TEST(Resolver, AsksMetricsAndSaysWhichFieldOfWhichStepCannot) {
  const std::string when =
      "uses: noop, when: \"${{ (metrics.last('loss', {step = 'a-one'}) or 9) < 0.5 }}\"";
  Case asks(when);
  EXPECT_TRUE(asks_metrics(asks.job.spec()));
  asks.job.metrics = [](const pipeline::MetricQuery& query) -> Result<std::optional<double>> {
    return query.labels.matches(Labels{{"step", "a-one"}}) ? std::optional(0.25) : std::nullopt;
  };
  EXPECT_EQ(asks.resolve().type, EventType::step_resolved);
  asks.job.metrics = [](const auto&) -> Result<std::optional<double>> { return std::nullopt; };
  EXPECT_EQ(asks.resolve().type, EventType::step_skipped);
  asks.job.metrics = [](const auto&) -> Result<std::optional<double>> { return fail("no"); };
  const run::Event failed = asks.resolve();
  ASSERT_EQ(failed.type, EventType::step_failed);
  const std::string said = failed.data->at("message");
  EXPECT_TRUE(said.starts_with("p.yaml:7:")) << said;
  EXPECT_NE(said.find("when: ${{ (metrics.last("), std::string::npos) << said;
  EXPECT_NE(said.find("metrics.last: no"), std::string::npos) << said;
  EXPECT_FALSE(asks_metrics(Case("uses: noop, when: '${{ params.n > 3 }}'").job.spec()));
}

}  // namespace
}  // namespace scanflow::runtime
