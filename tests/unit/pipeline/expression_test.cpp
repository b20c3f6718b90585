// ${{ ... }}: what it may say, what comes of it, and what it cannot do.
#include "engine/pipeline/expression.hpp"

#include <gtest/gtest.h>

#include <ctime>

namespace scanflow::pipeline {
namespace {

Scope scope() {
  Scope out;
  out.params = json::parse(R"({"epochs": 3, "lr": 0.5, "whole": 2.0, "name": "größe", "on": true,
      "list": [1, null, 3], "empty_list": [], "empty_object": {}, "big": 18446744073709551615,
      "nested": {"a": [{"b": null}]}})");
  out.matrix = {{"model", "cnn1"}};
  out.run = {{"id", "0193"}, {"name", "test"}};
  out.step = [](const std::string& name) -> json {
    if (name == "load-data") {
      return json::parse(R"({"outputs": {"images": 10, "none": null}, "status": "succeeded",
          "artifacts": {"train": {"artifact": "train", "bytes": 5}}, "seconds": 1.5})");
    }
    if (name == "1st") return json::parse(R"({"outputs": {"x": 1}})");
    if (name != "train") return nullptr;
    return json::parse(R"([
      {"matrix": {"model": "cnn1"}, "outputs": {"accuracy": 0.9}, "artifacts": {"model": "one"}},
      {"matrix": {"model": "cnn2"}, "outputs": {"accuracy": 0.95}, "artifacts": {"model": "two"}},
      {"matrix": {"model": "cnn3"}, "outputs": {}, "artifacts": {}}])");
  };
  return out;
}

json value(const std::string& expression) {
  const auto done = evaluate("${{ " + expression + " }}", scope());
  EXPECT_TRUE(done) << done.error().message;
  return done ? *done : json("failed");
}

std::string text(const std::string& source) {
  const auto done = evaluate(source, scope());
  EXPECT_TRUE(done) << done.error().message;
  return done ? done->get<std::string>() : "failed";
}

std::string error(const std::string& expression) {
  const auto done = evaluate("${{ " + expression + " }}", scope());
  EXPECT_FALSE(done) << expression << " gave " << done->dump();
  return done ? "" : done.error().message;
}

std::string check_error(const std::string& source) {
  std::set<std::string> uses;
  const auto done = check_expression(source, {"load-data", "train"}, &uses);
  return done ? "" : done.error().message;
}

#define EXPECT_SAYS(message, part) EXPECT_NE((message).find(part), std::string::npos) << (message)

TEST(Expression, KeepsTheTypeOfItsValue) {
  EXPECT_EQ(value("params.epochs + 1").dump(), "4");
  EXPECT_EQ(value("params.lr").dump(), "0.5");
  EXPECT_EQ(value("params.whole").dump(), "2.0");
  EXPECT_EQ(value("4 / 2").dump(), "2.0");
  EXPECT_EQ(value("4 // 2").dump(), "2");
  EXPECT_EQ(value("params.on").dump(), "true");
  EXPECT_EQ(value("params.name").dump(), "\"größe\"");
  EXPECT_EQ(value("params.missing").dump(), "null");
  EXPECT_EQ(value("null").dump(), "null");
}

TEST(Expression, HandsJsonThroughUnchanged) {
  for (const char* name : {"list", "empty_list", "empty_object", "nested"}) {
    EXPECT_EQ(value(std::string("params.") + name), scope().params[name]);
  }
  EXPECT_EQ(value("params"), scope().params);
  EXPECT_EQ(value("{params.empty_list, {x = params.list}}").dump(), R"([[],{"x":[1,null,3]}])");
}

TEST(Expression, MakesJsonOfTables) {
  EXPECT_EQ(value("{1, 'two', {3}}").dump(), R"([1,"two",[3]])");
  EXPECT_EQ(value("{a = 1, b = {c = 2.5}}").dump(), R"({"a":1,"b":{"c":2.5}})");
  EXPECT_EQ(value("{}").dump(), "{}");
  EXPECT_EQ(value("{a={b={}}}").dump(), R"({"a":{"b":{}}})");
  EXPECT_SAYS(error("{1, null, 3}"), "holes");
  EXPECT_SAYS(error("{1, a = 2}"), "both numbers and text");
  EXPECT_SAYS(error("{[1.5] = 2}"), "neither text nor a number");
  EXPECT_SAYS(error("tostring"), "a function is not a value");
  EXPECT_SAYS(error("0 / 0"), "not a number");
  EXPECT_SAYS(error("1 / 0"), "infinite");
  EXPECT_SAYS(error("params.name:sub(1, 3)"), "not UTF-8");
}

TEST(Expression, TextAroundItMakesText) {
  EXPECT_EQ(text("model ${{ matrix.model }} with ${{ params.epochs }} epochs"),
            "model cnn1 with 3 epochs");
  EXPECT_EQ(text("a${{ null }}b${{ params.on }}c${{ params.whole }}d${{ params.list }}"),
            "abtruec2.0d[1,null,3]");
  EXPECT_EQ(text("x ${{ \"}}\" }} ${{ '}}' }} ${{ [[}}]] }}"), "x }} }} }}");
  EXPECT_EQ(text("echo $${{ not.one }} ${HOME} $${{ ${{ 1 }}"),
            "echo ${{ not.one }} ${HOME} ${{ 1");
  EXPECT_EQ(value("{a={b=1}}").dump(), R"({"a":{"b":1}})");
  EXPECT_EQ(evaluate("${{{1}}}", scope())->dump(), "[1]");
}

TEST(Expression, WalksThroughWholeValues) {
  const json source = {{"a", {"${{ 1 }}", 2, {{"b", "x${{ 2 }}"}}}}, {"c", "plain"}};
  EXPECT_EQ(evaluate(source, scope())->dump(), R"({"a":[1,2,{"b":"x2"}],"c":"plain"})");
  EXPECT_TRUE(is_dynamic(source));
  EXPECT_FALSE(is_dynamic(json{{"a", {1, "x"}}}));
  const auto failed = evaluate(json{{"a", {{"b", "${{ 1 + {} }}"}}}}, scope());
  ASSERT_FALSE(failed);
  EXPECT_SAYS(failed.error().message, "a: b: ${{ 1 + {} }}: attempt to perform arithmetic");
}

TEST(Expression, ReadsStepsWithHyphens) {
  EXPECT_EQ(value("steps.load-data.outputs.images - 1").dump(), "9");
  EXPECT_EQ(value("steps['load-data'].seconds").dump(), "1.5");
  EXPECT_EQ(value("steps.load-data.artifacts.train")["bytes"], 5);
  EXPECT_EQ(value("steps.1st.outputs.x").dump(), "1");
  EXPECT_EQ(value("steps.load-data.outputs.none").dump(), "null");
  EXPECT_SAYS(error("steps.load-dta.status"), "unknown step 'load-dta'");
  EXPECT_SAYS(error("params.learning-rate"), "only step names are read with hyphens");
}

TEST(Expression, HelpersLookAtInstances) {
  EXPECT_EQ(value("best(steps.train, 'outputs.accuracy').artifacts.model"), "two");
  EXPECT_EQ(value("worst(steps.train, 'outputs.accuracy').matrix.model"), "cnn1");
  EXPECT_EQ(value("collect(steps.train, 'outputs.accuracy')").dump(), "[0.9,0.95,null]");
  EXPECT_EQ(value("#steps.train").dump(), "3");
  EXPECT_EQ(value("steps.train[2].outputs.accuracy").dump(), "0.95");
  EXPECT_EQ(value("sum({1, 2, 3})").dump(), "6");
  EXPECT_EQ(value("sum({1, 2.5})").dump(), "3.5");
  EXPECT_EQ(value("{len('abc'), len(params.list), len(params.nested), len({1, 2})}").dump(),
            "[3,3,1,2]");
  EXPECT_EQ(value(R"(json('{"a": [1, null]}'))").dump(), R"({"a":[1,null]})");
  EXPECT_SAYS(error("best(steps.train, 'outputs.loss')"), "none of 3 elements has a value");
  EXPECT_SAYS(error("best(steps.train, 'matrix.model')"), "is text, not a number");
  EXPECT_SAYS(error("best(steps.load-data, 'outputs.images')"), "a step without a matrix");
  EXPECT_SAYS(error("steps.train.outputs"), "best, worst or collect");
  EXPECT_EQ(value("sum(params.list)").dump(), "4") << "what is not there does not take part";
  EXPECT_SAYS(error("json('{')"), "not JSON");
}

TEST(Expression, TextFunctionsArePlain) {
  EXPECT_EQ(value("('a.b'):upper() .. string.rep('x', 3)"), "A.Bxxx");
  EXPECT_EQ(value("string.format('%05.1f %s %d', 3.14159, 'x', 7)"), "003.1 x 7");
  EXPECT_EQ(value("{find('abc', 'c'), find('a.c', '.'), ('abc'):find('b', 2)}").dump(), "[3,2,2]");
  EXPECT_EQ(value("find('abc', 'x')").dump(), "null");
  EXPECT_EQ(value("split('a,b,,c', ',')").dump(), R"(["a","b","","c"])");
  EXPECT_EQ(value("('a-b-c'):replace('-', '+')"), "a+b+c");
  EXPECT_EQ(value("trim('  x ') .. trim('   ')"), "x");
  EXPECT_EQ(value("{contains('abc', 'bc'), contains({1, 2}, 2), contains(params.list, 7)}").dump(),
            "[true,true,false]");
  EXPECT_EQ(value("{startswith('abc', 'ab'), endswith('abc', 'ab')}").dump(), "[true,false]");
  EXPECT_EQ(value("tostring(params.list) .. tostring({a = 1})"), R"([1,null,3]{"a":1})");
  EXPECT_EQ(value("type(params.list) .. type(params) .. type(null)"), "tabletablenil");
  EXPECT_EQ(value("table.concat({'a', 'b'}, '-') .. select('#', table.unpack({1, 2}))"), "a-b2");
  EXPECT_EQ(value("math.max(1, 2) + math.floor(2.5)").dump(), "4");
  EXPECT_EQ(value("tonumber('12') + 1").dump(), "13");
}

TEST(Expression, LoopsOverValues) {
  EXPECT_EQ(value("(function() local n = 0 for _, s in ipairs(steps.train) do "
                  "if s.outputs.accuracy then n = n + 1 end end return n end)()"),
            2);
  EXPECT_EQ(value("(function() local keys = {} for k in pairs(params.nested) do "
                  "keys[#keys + 1] = k end return keys end)()")
                .dump(),
            R"(["a"])");
  EXPECT_EQ(value("(function() local n = 0 for i, v in pairs(params.list) do n = n + i end "
                  "return n end)()"),
            6);
}

TEST(Expression, IsOneExpression) {
  EXPECT_SAYS(error("1, 2"), "one value");
  EXPECT_SAYS(error("1) os.exit( (1"), "')' without its '('");
  EXPECT_SAYS(error("1) + (2"), "')' without its '('");
  EXPECT_SAYS(error("{1)"), "')' without its '('");
  EXPECT_SAYS(error("1 return 2"), "expected");
  EXPECT_SAYS(error("1; params = 2"), "cannot assign");
  EXPECT_SAYS(error("1 --[[ hidden ]]"), "begins a comment");
  EXPECT_SAYS(error("1 +"), "unexpected symbol at its end");
  EXPECT_SAYS(error("\x1bLua"), "cannot stand in an expression");
  EXPECT_SAYS(error(""), "an empty expression");
  EXPECT_SAYS(error("'open"), "not closed");
}

TEST(Expression, LeavesNothingAndReachesNothing) {
  for (const char* name : {"os.exit(1)",
                           "io.open('x')",
                           "load('1')()",
                           "require('x')",
                           "debug",
                           "setmetatable({}, {})",
                           "getmetatable('')",
                           "rawset({}, 1, 2)",
                           "_G",
                           "_ENV",
                           "pcall(error)",
                           "coroutine.create",
                           "print(1)",
                           "dofile('x')",
                           "collectgarbage()",
                           "package.path",
                           "string.dump(tostring)",
                           "('x'):gsub('x', 'y')",
                           "('x'):match('x')",
                           "math.random()",
                           "string.format('%p', {})",
                           "table.insert({}, 1)"}) {
    const std::string said = error(name);
    EXPECT_TRUE(said.find("not available") != std::string::npos ||
                said.find("unknown name") != std::string::npos ||
                said.find("nil value") != std::string::npos ||
                said.find("no %p") != std::string::npos)
        << name << ": " << said;
  }
  EXPECT_SAYS(error("(function() string.upper = nil return 1 end)()"), "cannot change the library");
  EXPECT_SAYS(error("(function() params.epochs = 4 return 1 end)()"), "cannot change its values");
  EXPECT_SAYS(error("(function() x = 4 return 1 end)()"), "unknown name 'x'");
  EXPECT_EQ(text("${{ (function() local x = 1 return x end)() }}${{ type(params.x) }}"), "1nil");
}

TEST(Expression, ConditionsAreTrueOrFalse) {
  EXPECT_TRUE(*evaluate_condition("${{ params.epochs > 2 }}", scope()));
  EXPECT_FALSE(*evaluate_condition(" ${{ params.epochs > 3 }}\n", scope()));
  EXPECT_FALSE(*evaluate_condition("${{ null }}", scope()));
  EXPECT_SAYS(evaluate_condition("${{ 1 }}", scope()).error().message, "not true or false");
  EXPECT_SAYS(evaluate_condition("params.on", scope()).error().message, "not one expression");
  EXPECT_SAYS(evaluate_condition("x ${{ true }}", scope()).error().message, "not one expression");
}

TEST(Expression, IsCheckedWithoutData) {
  std::set<std::string> uses;
  EXPECT_TRUE(check_expression("a ${{ steps.load-data.outputs.x }} ${{ best(steps.train, 'y') }}",
                               {"load-data", "train", "other"}, &uses));
  EXPECT_EQ(uses, (std::set<std::string>{"load-data", "train"}));
  EXPECT_SAYS(check_error("${{ steps.lod-data }}"), "did you mean 'load-data'?");
  EXPECT_SAYS(check_error("${{ parms.x }}"), "did you mean 'params'?");
  EXPECT_SAYS(check_error("${{ 1 + }}"), "unexpected symbol");
  EXPECT_SAYS(check_error("${{ 1"), "without its '}}'");
  EXPECT_SAYS(check_error("${{ models.x }}"), "not available in this version yet");
  EXPECT_EQ(check_error("no expression"), "");
}

// --- metrics, answered by somebody else ---

/// Remembers what it was asked, and gives `answer`.
struct Asked {
  std::vector<MetricQuery> queries;
  Result<std::optional<double>> answer = std::optional<double>(0.25);

  Result<json> operator()(const std::string& expression) {
    Scope of = scope();
    of.metrics = [this](const MetricQuery& query) {
      queries.push_back(query);
      return answer;
    };
    return evaluate("${{ " + expression + " }}", of);
  }
};

TEST(Metrics, AreAskedByNameLabelsAndWindow) {
  Asked asked;
  EXPECT_EQ(asked("metrics.last('loss')").value(), 0.25);
  EXPECT_EQ(
      asked("metrics.avg('loss', {step = 'train', run = run.id, attempt = 2}, '1h30m')").value(),
      0.25);
  EXPECT_EQ(asked("metrics.max('loss', 'step in (train, load-data)')").value(), 0.25);
  ASSERT_EQ(asked.queries.size(), 3u);
  EXPECT_EQ(asked.queries[0].function, "last");
  EXPECT_EQ(asked.queries[0].name, "loss");
  EXPECT_TRUE(asked.queries[0].labels.empty());
  EXPECT_EQ(asked.queries[0].window_us, 300'000'000);
  EXPECT_EQ(asked.queries[1].window_us, 5'400'000'000);
  const LabelSelector& selector = asked.queries[1].labels;
  EXPECT_TRUE(selector.matches(Labels{{"step", "train"}, {"run", "0193"}, {"attempt", "2"}}));
  EXPECT_FALSE(selector.matches(Labels{{"step", "train"}, {"run", "0194"}, {"attempt", "2"}}));
  EXPECT_TRUE(asked.queries[2].labels.matches(Labels{{"step", "load-data"}}));
  EXPECT_FALSE(asked.queries[2].labels.matches(Labels{{"step", "other"}}));
}

TEST(Metrics, EveryFunctionIsAskedByItsName) {
  Asked asked;
  for (const std::string& function : metric_functions()) {
    const std::string q = function == "quantile" ? ", null, null, 0.9" : "";
    EXPECT_TRUE(asked("metrics." + function + "('x'" + q + ")")) << function;
    EXPECT_EQ(asked.queries.back().function, function);
  }
  EXPECT_EQ(asked.queries.size(), 8u);
  EXPECT_EQ(asked.queries.back().q, 0.9);
}

TEST(Metrics, WithoutAValueAreNull) {
  Asked asked;
  asked.answer = std::nullopt;
  EXPECT_EQ(asked("metrics.last('x')").value(), nullptr);
  EXPECT_EQ(asked("metrics.last('x') or 7").value(), 7);
}

TEST(Metrics, WhatCannotBeAskedIsSaid) {
  Asked asked;
  const auto said = [&](const std::string& expression) {
    return asked(expression).error().message;
  };
  EXPECT_SAYS(said("metrics.last()"), "metrics.last: needs the name of a metric");
  EXPECT_SAYS(said("metrics.last('x', {}, '5')"), "metrics.last: window: ");
  EXPECT_SAYS(said("metrics.last('x', {}, '0s')"), "not above 0");
  EXPECT_SAYS(said("metrics.last('x', {}, 5)"), "5 is no duration: write it as text, \"5m\"");
  EXPECT_SAYS(said("metrics.last('x', 7)"), "labels: they are an object");
  EXPECT_SAYS(said("metrics.last('x', {step = {1}})"), "labels: 'step' is [1], not text");
  EXPECT_SAYS(said("metrics.last('x', 'step in')"), "metrics.last: labels: ");
  EXPECT_SAYS(said("metrics.last('x', {}, '5m', 0.5)"), "metrics.last takes 3 values");
  EXPECT_SAYS(said("metrics.quantile('x')"), "needs the quantile, from 0 to 1");
  EXPECT_SAYS(said("metrics.quantile('x', {}, '5m', 2)"), "needs the quantile, from 0 to 1");
  EXPECT_TRUE(asked.queries.empty());
  asked.answer = fail("it is a gauge");
  EXPECT_SAYS(said("metrics.rate('x')"), "${{ metrics.rate('x') }}: metrics.rate: it is a gauge");
  EXPECT_SAYS(error("metrics.last('x')"), "metrics are known only while the run runs");
}

TEST(Runs, WhatRunsIsAskedForByPipeline) {
  std::vector<std::string> asked;
  Scope of = scope();
  of.running = [&](const std::string& pipeline) -> Result<json> {
    asked.push_back(pipeline);
    return json{{{"step", "fit"}, {"total", 4}}};
  };
  const auto all = evaluate("${{ runs.running() }}", of);
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->at(0).at("total"), 4) << "as it was answered";
  EXPECT_EQ(evaluate("${{ runs.running('n/p')[1].step }}", of).value(), "fit");
  EXPECT_EQ(asked, (std::vector<std::string>{"", "n/p"}));
  EXPECT_SAYS(evaluate("${{ runs.running(3) }}", of).error().message, "the name of a pipeline");
  of.running = [](const std::string&) -> Result<json> { return fail("the engine ends"); };
  EXPECT_SAYS(evaluate("${{ runs.running() }}", of).error().message,
              "runs.running: the engine ends");
  EXPECT_SAYS(error("runs.running()"), "known only to the rules of an agent");
  EXPECT_SAYS(check_error("${{ runs.walking() }}"), "'runs' needs a function");
}

TEST(Metrics, TheirFunctionsAreCheckedWithoutData) {
  EXPECT_EQ(check_error("${{ metrics.last('x') or metrics['avg']('y') }}"), "");
  EXPECT_SAYS(check_error("${{ metrics.maxx('x') }}"),
              "there is no function 'metrics.maxx' (did you mean 'max'?)");
  EXPECT_SAYS(check_error("${{ metrics['median']('x') }}"), "last, avg, min, max, sum, rate");
  EXPECT_SAYS(check_error("${{ metrics }}"), "'metrics' needs a function");
  EXPECT_SAYS(check_error("${{ (function() metrics = 1 end)() }}"), "cannot assign to 'metrics'");
  EXPECT_SAYS(error("(function() metrics.last = 1 return 1 end)()"), "cannot change the library");
}

// --- hostile ones: each must end soon, with a clear error ---

class Hostile : public testing::Test {
 protected:
  void TearDown() override {
    const double seconds = static_cast<double>(std::clock() - begin_) / CLOCKS_PER_SEC;
    EXPECT_LT(seconds, 60) << "the limits did not hold";
  }
  std::clock_t begin_ = std::clock();  // CPU time: other work on the machine does not count
};

TEST_F(Hostile, EndlessLoops) {
  EXPECT_SAYS(error("(function() while true do end end)()"), "instructions (an endless loop?)");
  EXPECT_SAYS(error("(function() repeat local x = 1 until false end)()"), "instructions");
  Limits patient;
  patient.instructions = ~0ull;
  patient.time_us = 20'000;
  const auto done = evaluate("${{ (function() while true do end end)() }}", scope(), patient);
  ASSERT_FALSE(done);
  EXPECT_SAYS(done.error().message, "longer than 20 ms");
}

TEST_F(Hostile, SlowFunctionsInALoop) {
  EXPECT_SAYS(error("(function() local s = string.rep('x', 4000000) "
                    "while true do local y = s:upper() .. 'x' end end)()"),
              "it ");
  EXPECT_SAYS(error("(function() local s = string.rep('a', 2000000) "
                    "while true do local y = find(s, string.rep('a', 1000000) .. 'b') end end)()"),
              "it ");
}

TEST_F(Hostile, Recursion) {
  const std::string said =
      error("(function() local function f(n) return 1 + f(n + 1) end return f(1) end)()");
  EXPECT_TRUE(said.find("stack overflow") != std::string::npos ||
              said.find("memory") != std::string::npos ||
              said.find("instructions") != std::string::npos)
      << said;
}

TEST_F(Hostile, GigabytesOfText) {
  EXPECT_SAYS(error("string.rep('x', 10000000000)"), "more than 16 MiB of memory");
  EXPECT_SAYS(error("string.rep('x', 1 << 62)"), "more than 16 MiB of memory");
  EXPECT_SAYS(error("('x'):rep(1000000):replace('x', string.rep('y', 1000000))"), "16 MiB");
  EXPECT_SAYS(error("(function() local s = 'x' while true do s = s .. s end end)()"), "16 MiB");
  EXPECT_SAYS(error("(function() local t = {} while true do t[#t + 1] = {} end end)()"), "it ");
  EXPECT_SAYS(error("split(string.rep(',', 3000000), ',')"), "16 MiB");
  EXPECT_SAYS(error("(function() local t = {} for i = 1, 64 do t = {t, t} end return t end)()"),
              "16 MiB");
  EXPECT_SAYS(error("(function() local t = {} t[1] = t return t end)()"), "holds itself");
  EXPECT_SAYS(error("(function() local t = {} for i = 1, 100000 do t = {t} end return t end)()"),
              "nested deeper");
}

TEST_F(Hostile, DeepAndLongText) {
  EXPECT_SAYS(error(std::string(5000, '(') + "1" + std::string(5000, ')')),
              "nested deeper than 100");
  EXPECT_SAYS(error(std::string(3000, '-') + "1"), "begins a comment");
  std::string negations;
  for (int i = 0; i < 3000; ++i) negations += "not ";
  EXPECT_SAYS(error(negations + "true"), "overflow");
  std::string powers = "2";
  for (int i = 0; i < 3000; ++i) powers += "^2";
  EXPECT_SAYS(error(powers), "overflow");
  std::string functions;
  for (int i = 0; i < 500; ++i) functions += "function() return ";
  EXPECT_SAYS(error(functions + "1"), "");
  EXPECT_SAYS(error("'" + std::string(1 << 20, 'x') + "' .. 1 .. 2"), "at most 16384 bytes");
  EXPECT_SAYS(error("json(string.rep('[', 100000))"), "nested deeper than 64");
}

}  // namespace
}  // namespace scanflow::pipeline
