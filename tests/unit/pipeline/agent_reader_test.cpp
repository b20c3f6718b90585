// kind: Agent: what is read, and what is refused where.
#include "engine/pipeline/agent_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/pipeline/engine_primitives.hpp"
#include "tests/unit/pipeline/support.hpp"

namespace scanflow::pipeline {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const loader::Catalog& with_control_plugins() {
  static const loader::Catalog kAll = [] {
    loader::Catalog all = test::catalog();
    loader::PluginInfo metric;
    metric.kind = loader::Kind::trigger;
    metric.id = "metric";
    metric.config_schema = {{"type", "object"},
                            {"additionalProperties", false},
                            {"required", {"name"}},
                            {"properties",
                             {{"name", {{"type", "string"}}},
                              {"above", {{"type", "number"}}},
                              {"function", {{"type", "string"}, {"default", "last"}}}}}};
    all.add(std::move(metric));
    loader::PluginInfo scale;
    scale.kind = loader::Kind::strategy;
    scale.id = "scale";
    scale.primitives = {"scale"};
    scale.config_schema = {{"type", "object"}};
    all.add(std::move(scale));
    return all;
  }();
  return kAll;
}

/// Line 4 is the body.
ReadAgentResult read_text(const std::string& body, std::string& text) {
  text = "apiVersion: scanflow.dev/v1\nkind: Agent\nmetadata: {name: checker, namespace: mnist}\n" +
         body;
  return read_agent("a.yaml", text, with_control_plugins());
}

AgentSpec agent(const std::string& body) {
  std::string text;
  const ReadAgentResult read = read_text(body, text);
  EXPECT_EQ(render(read.errors, text), "");
  return read.agent ? *read.agent : AgentSpec();
}

std::string said(const std::string& body) {
  std::string text;
  const ReadAgentResult read = read_text(body, text);
  EXPECT_EQ(read.agent == nullptr, !read.errors.empty());
  return render(read.errors, text);
}

/// Of a rule with this trigger and more.
std::string rule(const std::string& more) {
  return "rules:\n  - name: many\n    on: {metric: {name: predictions_total, above: 999}}\n" + more;
}

TEST(AgentReader, ReadsRulesWithDefaultsOfPluginsAndTemplates) {
  const AgentSpec spec = agent(
      "template: analyzer\n" +
      rule("    see: {latest: \"${{ metrics.last('accuracy') }}\"}\n"
           "    when: \"${{ see.latest < 0.8 }}\"\n"
           "    do:\n"
           "      - run_pipeline: {pipeline: detect, params: {since: \"${{ event.cursor }}\"}}\n"
           "      - emit: {type: checked}\n"
           "      - pause: {target: {run: \"${{ event.run }}\", step: train}, for: 30s}\n"
           "      - scale: {target: {object: deployment/web}, replicas: 3}\n"
           "    guard: {max_per_hour: 20, mode: approve}\n"));
  EXPECT_EQ(spec.name, "checker");
  EXPECT_EQ(spec.name_space, "mnist");
  ASSERT_EQ(spec.rules.size(), 1);
  const AgentRule& many = spec.rules[0];
  EXPECT_EQ(many.on.uses, "metric");
  EXPECT_EQ(many.on.with["function"], "last") << "the plugin's default";
  EXPECT_EQ(many.see.at("latest"), "${{ metrics.last('accuracy') }}");
  ASSERT_EQ(many.actions.size(), 4);
  EXPECT_EQ(many.actions[0].args["params"]["since"], "${{ event.cursor }}");
  EXPECT_EQ(many.actions[2].target["step"], "train");
  EXPECT_EQ(many.actions[2].args, (json{{"for", "30s"}}));
  EXPECT_THAT(many.allow, ElementsAre("run_pipeline", "emit", "pause", "scale"));
  EXPECT_EQ(many.guard.cooldown_us, 10'000'000) << "an analyzer's";
  EXPECT_EQ(many.guard.max_per_hour, 20);
  EXPECT_EQ(many.guard.mode, RuleMode::approve);
}

TEST(AgentReader, AStrategySaysWhatItMayAskFor) {
  const AgentSpec spec = agent(rule("    strategy: {uses: scale}\n    allow: [scale]\n"));
  EXPECT_EQ(spec.rules[0].strategy->uses, "scale");
  EXPECT_EQ(spec.rules[0].guard.max_per_hour, 60);
  EXPECT_EQ(agent(rule("    target: {object: deployment/web}\n    strategy: {uses: scale}\n"
                       "    allow: [scale]\n"))
                .rules[0]
                .target["object"],
            "deployment/web");
  EXPECT_EQ(agent(rule("    target: {object: deployment/web}\n"
                       "    do: [{scale: {replicas: 3}}, {emit: {type: a}}]\n"))
                .rules[0]
                .actions[0]
                .target["object"],
            "deployment/web");
  EXPECT_THAT(said(rule("    strategy: {uses: scale}\n")),
              AllOf(HasSubstr("does not say which primitives its strategy may ask for"),
                    HasSubstr("allow: [\"scale\"]")));
}

TEST(AgentReader, WhatIsWrongIsSaidWhereItStands) {
  EXPECT_THAT(said(rule("")), HasSubstr("the rule does not say what it does"));
  EXPECT_THAT(said(rule("    do: [{emit: {type: a}}]\n    strategy: {uses: scale}\n")),
              HasSubstr("either 'do' or a strategy"));
  EXPECT_THAT(said(rule("    do: [{run_pipelin: {pipeline: a}}]\n")),
              AllOf(HasSubstr("a.yaml:7:11: error: unknown primitive 'run_pipelin'"),
                    HasSubstr("did you mean 'run_pipeline'?")));
  EXPECT_THAT(said(rule("    do: [{run_pipeline: {pipelin: a}}]\n")),
              HasSubstr("did you mean 'pipeline'?"));
  EXPECT_THAT(said(rule("    do: [{pause: {for: 3s}}]\n")), HasSubstr("it needs a target"));
  EXPECT_THAT(said(rule("    do: [{pause: {target: {step: a}}}]\n")),
              HasSubstr("the target is neither a step of a run, nor a service, nor an object"));
  EXPECT_THAT(said(rule("    do: [{emit: {target: {object: a/b}, type: c}}]\n")),
              HasSubstr("'emit' is no primitive of an object"));
  EXPECT_THAT(said(rule("    do: [{emit: {type: a}}]\n    allow: [notify, expolde]\n")),
              AllOf(HasSubstr("unknown primitive 'expolde'"),
                    HasSubstr("'do' asks for 'emit', which is not allowed")));
  EXPECT_THAT(said(rule("    do: [{emit: {type: a}}]\n    guard: {max_per_hour: 0}\n")),
              HasSubstr("mode: recommend"));
  EXPECT_THAT(said("rules:\n  - {name: a, on: {metrik: {}}, do: [{emit: {type: a}}]}\n"),
              AllOf(HasSubstr("unknown trigger 'metrik'"), HasSubstr("did you mean 'metric'?")));
  EXPECT_THAT(said("rules:\n  - {name: a, on: {scale: {}}, do: [{emit: {type: a}}]}\n"),
              HasSubstr("the plugin 'scale' is no trigger"));
  EXPECT_THAT(said("rules:\n  - {name: a, on: {metric: {abve: 3}}, do: [{emit: {type: a}}]}\n"),
              AllOf(HasSubstr("did you mean 'above'?"), HasSubstr("missing")));
  EXPECT_THAT(said("rules: []\n"), HasSubstr("rules"));
}

TEST(AgentReader, ExpressionsKnowWhatTheRuleHasSeen) {
  EXPECT_THAT(said(rule("    when: \"${{ params.a }}\"\n    do: [{emit: {type: a}}]\n")),
              AllOf(HasSubstr("'params' is not known here"), HasSubstr("event and see")));
  EXPECT_THAT(said(rule("    when: event.value > 3\n    do: [{emit: {type: a}}]\n")),
              HasSubstr("this must be one expression"));
  EXPECT_THAT(said(rule("    see: {a: \"${{ see.b }}\"}\n    do: [{emit: {type: a}}]\n")),
              HasSubstr("'see' is not known here"));
  EXPECT_THAT(said(rule("    do: [{emit: {type: \"${{ event. }}\"}}]\n")),
              HasSubstr("does not parse"));
  EXPECT_THAT(said("rules:\n  - {name: a, on: {metric: {name: \"${{ event.a }}\"}}, do: [{emit: "
                   "{type: a}}]}\n"),
              HasSubstr("the configuration of a trigger cannot hold an expression"));
  EXPECT_THAT(test::errors("steps: [{name: a, run: \"echo ${{ event.a }}\"}]\n"),
              HasSubstr("known in the rules of an agent only"));
}

TEST(EnginePrimitives, AreSortedAmongAllOthers) {
  const std::vector<std::string> names = all_primitive_names();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  for (const EnginePrimitive& each : engine_primitives()) {
    EXPECT_TRUE(std::binary_search(names.begin(), names.end(), std::string(each.name)));
    EXPECT_TRUE(json::accept(each.schema)) << each.name;
  }
}

}  // namespace
}  // namespace scanflow::pipeline
