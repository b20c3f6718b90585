// Parameters bound, matrices expanded, needs connected.
#include <gtest/gtest.h>

#include "tests/unit/pipeline/support.hpp"

namespace scanflow::pipeline {
namespace {

using test::plan;
using test::plan_error;

constexpr const char* kParams = R"(
params:
  name:   {type: string, default: x}
  epochs: {type: int, default: 2, min: 1, max: 10}
  rate:   {type: float, default: 0.1, min: 0}
  fast:   {type: bool, default: false}
  sizes:  {type: list, default: [1, 2]}
  extra:  {type: object, default: {}}
  mode:   {type: string, enum: [small, large], default: small}
steps: [{name: a, uses: noop}]
)";

std::vector<std::string> ids(const Plan& plan) {
  std::vector<std::string> out;
  for (const PlannedStep& step : plan.steps) out.push_back(step.id);
  return out;
}

#define EXPECT_SAYS(message, part) EXPECT_NE((message).find(part), std::string::npos) << (message)

TEST(Params, ReadTextByTheirType) {
  const Plan made = plan(kParams, {{"name", "3"},
                                   {"epochs", "5"},
                                   {"rate", "1e-3"},
                                   {"fast", "true"},
                                   {"sizes", "[3, x, null]"},
                                   {"extra", R"({"a": [1], b: 2})"},
                                   {"mode", "large"}});
  EXPECT_EQ(made.params.dump(),
            R"({"epochs":5,"extra":{"a":[1],"b":2},"fast":true,"mode":"large","name":"3",)"
            R"("rate":0.001,"sizes":[3,"x",null]})");
}

TEST(Params, TakeJsonOfTheRightType) {
  const Plan made = plan(kParams, {{"epochs", 7}, {"rate", 1}, {"sizes", json::array()}});
  EXPECT_EQ(made.params["epochs"].dump(), "7");
  EXPECT_EQ(made.params["rate"].dump(), "1.0");
  EXPECT_EQ(made.params["sizes"].dump(), "[]");
  EXPECT_EQ(made.params["mode"], "small");
}

TEST(Params, RefuseWhatDoesNotFit) {
  const auto refused = [](const char* name, const json& value) {
    return plan_error(kParams, {{name, value}});
  };
  EXPECT_EQ(refused("epochs", "3.5"), "parameter 'epochs': '3.5' is not a whole number");
  EXPECT_EQ(refused("epochs", "many"), "parameter 'epochs': 'many' is not a whole number");
  EXPECT_EQ(refused("epochs", 2.0), "parameter 'epochs': '2.0' is not a whole number");
  EXPECT_EQ(refused("epochs", "11"), "parameter 'epochs': 11 is above the maximum 10");
  EXPECT_EQ(refused("rate", "-0.1"), "parameter 'rate': -0.1 is below the minimum 0");
  EXPECT_EQ(refused("fast", "yes"), "parameter 'fast': 'yes' is not true or false");
  EXPECT_EQ(refused("sizes", "3"), "parameter 'sizes': '3' is not a list ([a, b])");
  EXPECT_EQ(refused("extra", "{a: "), "parameter 'extra': '{a: ' is not an object ({a: 1})");
  EXPECT_EQ(refused("mode", "smal"),
            "parameter 'mode': 'smal' is not one of small or large; did you mean 'small'?");
  EXPECT_EQ(refused("epoch", "3"), "unknown parameter 'epoch'; did you mean 'epochs'?");
}

TEST(Params, AllProblemsInOneGo) {
  EXPECT_EQ(plan_error("params: {count: {type: int}, label: {type: string}}\n"
                       "steps: [{name: s, uses: noop}]\n",
                       {{"other", "1"}}),
            "error: parameter 'count' has no value; give it a whole number: -p count=...\n"
            "error: parameter 'label' has no value; give it text: -p label=...\n"
            "error: unknown parameter 'other'; the pipeline has count and label");
}

TEST(Plan, ExpandsAMatrixInDeclaredOrder) {
  const Plan made = plan(R"(
steps:
  - {name: load, uses: noop}
  - {name: train, needs: load, uses: noop, matrix: {model: [cnn1, cnn2], lr: [0.01, 1, true]}}
  - {name: end, needs: train, uses: noop}
)");
  EXPECT_EQ(ids(made), (std::vector<std::string>{
                           "load", "train[model=cnn1,lr=0.01]", "train[model=cnn1,lr=1]",
                           "train[model=cnn1,lr=true]", "train[model=cnn2,lr=0.01]",
                           "train[model=cnn2,lr=1]", "train[model=cnn2,lr=true]", "end"}));
  EXPECT_EQ(made.steps[2].matrix, (json{{"model", "cnn1"}, {"lr", 1}}));
  EXPECT_EQ(made.graph.needs(7).size(), 6u);
  EXPECT_EQ(made.graph.needs(3).front(), 0u);
  EXPECT_EQ(made.spec_of(7).name, "end");
  EXPECT_TRUE(made.axes.empty());
}

TEST(Plan, ExcludesAndIncludesCombinations) {
  const Plan made = plan(R"(
steps:
  - name: train
    uses: noop
    matrix:
      model: [cnn1, cnn2]
      lr: [1, 2]
      exclude: [{model: cnn2, lr: 2}]
      include:
        - {model: cnn1, epochs: 9}
        - {model: vgg, lr: 3}
)");
  EXPECT_EQ(ids(made),
            (std::vector<std::string>{"train[model=cnn1,lr=1]", "train[model=cnn1,lr=2]",
                                      "train[model=cnn2,lr=1]", "train[model=vgg,lr=3]"}));
  EXPECT_EQ(made.steps[1].matrix, (json{{"model", "cnn1"}, {"lr", 2}, {"epochs", 9}}));
  EXPECT_EQ(made.steps[2].matrix, (json{{"model", "cnn2"}, {"lr", 1}}));
}

TEST(Plan, ACombinationOfItsOwnNamesEveryAxis) {
  EXPECT_SAYS(plan_error("steps: [{name: a, uses: noop, matrix: {x: [1], y: [1], include: [{x: 2, "
                         "z: 3}]}}]\n"),
              "none of its own without a value for 'y'");
  EXPECT_SAYS(plan_error("steps: [{name: a, uses: noop, matrix: {x: [1], exclude: [{x: 1}]}}]\n"),
              "'exclude' leaves nothing to run");
}

TEST(Plan, EscapesValuesInIdentities) {
  const Plan made = plan(R"(
steps: [{name: a, uses: noop, matrix: {x: ["a,b=c", "[d]", "e\\f", "g\nh"]}}]
)");
  EXPECT_EQ(ids(made), (std::vector<std::string>{R"(a[x=a\,b\=c])", R"(a[x=\[d\]])", R"(a[x=e\\f])",
                                                 R"(a[x=g\x0ah])"}));
}

constexpr const char* kDynamic = R"(
params: {sizes: [1, 2]}
steps: [{name: a, uses: noop, matrix: {n: "${{ params.sizes }}"}}]
)";

TEST(Plan, EvaluatesAxesAndRecordsThem) {
  const Plan made = plan(kDynamic, {{"sizes", "[4, 5, 6]"}});
  EXPECT_EQ(ids(made), (std::vector<std::string>{"a[n=4]", "a[n=5]", "a[n=6]"}));
  EXPECT_EQ(made.axes, json::parse(R"({"a": {"n": [4, 5, 6]}})"));
}

TEST(Plan, TakesRecordedAxesInsteadOfEvaluating) {
  const json recorded = json::parse(R"({"axes": {"a": {"n": [7]}}})");
  const auto made = make_plan(test::read(kDynamic), json::object(), &recorded);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(ids(*made), std::vector<std::string>{"a[n=7]"});
  const json none = json::object();
  const auto missing = make_plan(test::read(kDynamic), json::object(), &none);
  ASSERT_FALSE(missing);
  EXPECT_SAYS(missing.error().message, "not among the recorded axes");
}

TEST(Plan, RefusesAxesThatAreNoLists) {
  EXPECT_EQ(plan_error(kDynamic, {{"sizes", json::array()}}),
            "test.yaml:6:43: matrix.n of 'a': the list is empty: nothing would run");
  EXPECT_SAYS(plan_error(kDynamic, {{"sizes", "[1, [2]]"}}), "neither text nor a number");
  EXPECT_SAYS(plan_error(kDynamic, {{"sizes", "[1, 1]"}}), "two instances would both be a[n=1]");
  EXPECT_SAYS(plan_error("params: {n: 3}\n"
                         "steps: [{name: a, uses: noop, matrix: {x: \"${{ params.n }}\"}}]\n"),
              "3 is not a list");
}

TEST(Plan, BoundsWhatItMakes) {
  const std::string many =
      "${{ (function() local t = {} for i = 1, params.n do t[i] = i end "
      "return t end)() }}";
  EXPECT_SAYS(plan_error("params: {n: 600}\nsteps: [{name: a, uses: noop, matrix: {x: \"" + many +
                         "\", y: \"" + many + "\"}}]\n"),
              "more than 200000 steps");
  EXPECT_SAYS(
      plan_error("params: {n: 4000}\nsteps:\n  - {name: a, uses: noop, matrix: {x: \"" + many +
                 "\"}}\n  - {name: b, needs: a, uses: noop, matrix: {x: \"" + many + "\"}}\n"),
      "put a step 'uses: noop' between the two");
}

TEST(Plan, TriesExpressionsOverParametersBeforeTheRun) {
  const std::string body = R"(
params: {n: {type: int}, config: {type: string, default: ""}}
steps:
  - {name: a, when: "${{ params.n }}", uses: noop}
  - {name: b, uses: noop, with: {x: [1, "${{ json(params.config).a }}"]}}
  - {name: c, uses: noop, env: {V: "${{ string.rep('x', params.n) }}"}}
)";
  EXPECT_EQ(plan_error(body, {{"n", "1000000000"}}),
            "test.yaml:7:21: when of 'a': ${{ params.n }}: gives 1000000000, not true or false; "
            "compare it with something\n"
            "test.yaml:8:41: with.x.1 of 'b': ${{ json(params.config).a }}: json: the text is not "
            "JSON: parse error at line 1, column 1: syntax error while parsing value - unexpected "
            "end of input; expected '[', '{', or a literal\n"
            "test.yaml:9:36: env.V of 'c': ${{ string.rep('x', params.n) }}: it needs more than 16 "
            "MiB of memory; compute large values in a step");
}

}  // namespace
}  // namespace scanflow::pipeline
