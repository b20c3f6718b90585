// From YAML text to the spec.
#include <gtest/gtest.h>

#include "tests/unit/pipeline/support.hpp"

namespace scanflow::pipeline {
namespace {

using test::errors;
using test::read;

constexpr const char* kMnist = R"(apiVersion: scanflow.dev/v1
kind: Pipeline
metadata: {name: mnist-train, namespace: mnist-datascience, labels: {team: datascience}}
params:
  data:   {type: string, default: auto, description: "directory with IDX files, or auto"}
  epochs: {type: int, default: 2, min: 1}
defaults:                       # any step field
  retry: {limit: 2, backoff: {initial: 1s, factor: 2, max: 1m, jitter: 0.2}}
steps:
  - name: load-data
    uses: mnist.load            # a step plugin's id
    with: {path: "${{ params.data }}"}
  - name: train
    needs: [load-data]
    matrix: {model: [cnn1, cnn2]}
    uses: torch.train
    with: {dataset: "${{ steps.load-data.artifacts.train }}", model: "${{ matrix.model }}", epochs: "${{ params.epochs }}"}
    resources: {requests: {cpu: 1, memory: 512Mi}, limits: {memory: 1Gi}}
    timeout: 10m
    cache: {max_age: 30d}       # or true
  - name: evaluate
    needs: [train]
    uses: torch.evaluate
    with: {model: "${{ best(steps.train, 'outputs.validation_accuracy').artifacts.model }}", dataset: "${{ steps.load-data.artifacts.test }}"}
  - name: register
    needs: [evaluate]
    when: "${{ steps.evaluate.outputs.accuracy > 0.9 }}"
    uses: model.register
    with: {name: mnist_cnn, model: "${{ best(steps.train, 'outputs.validation_accuracy').artifacts.model }}"}
on_exit:                        # also on_success, on_failure
  - {name: report, uses: report.html}
)";

TEST(Reader, ReadsTheMainPipeline) {
  const ReadResult result = read_pipeline("train.yaml", kMnist, test::catalog());
  ASSERT_EQ(render(result.errors, kMnist), "");
  const Pipeline& p = *result.pipeline;
  EXPECT_EQ(p.name, "mnist-train");
  EXPECT_EQ(p.name_space, "mnist-datascience");
  EXPECT_EQ(p.labels.at("team"), "datascience");
  ASSERT_EQ(p.params.size(), 2u);
  EXPECT_EQ(p.params[1].default_value, json(2));
  EXPECT_EQ(p.params[1].min, 1.0);
  ASSERT_EQ(p.steps.size(), 5u);
  const Step& train = p.steps[1];
  EXPECT_EQ(train.needs, std::vector<std::string>{"load-data"});
  EXPECT_TRUE(train.with_is_dynamic);
  EXPECT_EQ(train.with["model"], "${{ matrix.model }}");
  EXPECT_EQ(train.resources.memory_request, 512u << 20);
  EXPECT_EQ(train.resources.memory_limit, 1u << 30);
  EXPECT_EQ(train.timeout_us, 600'000'000);
  EXPECT_TRUE(train.cache.enabled);
  EXPECT_EQ(train.cache.max_age_us, 30LL * 86'400'000'000);
  EXPECT_EQ(train.retry.limit, 2u);
  EXPECT_EQ(train.retry.backoff.max_us, 60'000'000);
  EXPECT_EQ(train.field_at.at("/with/epochs").line, 17);
  EXPECT_EQ(p.steps[4].phase, Phase::on_exit);
  EXPECT_EQ(p.steps[4].retry.limit, 2u) << "defaults hold for handlers too";

  const auto plan = make_plan(result.pipeline, {{"epochs", "5"}});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->params, (json{{"data", "auto"}, {"epochs", 5}}));
  ASSERT_EQ(plan->steps.size(), 6u);
  EXPECT_EQ(plan->steps[2].id, "train[model=cnn2]");
  EXPECT_EQ(plan->graph.needs(3).size(), 2u);
}

TEST(Reader, LaysStepsOverDefaults) {
  const auto p = read(R"(
defaults:
  uses: noop
  retry: {limit: 5, backoff: {initial: 3s}, on: [crash, oom]}
  env: {A: from-defaults, B: from-defaults}
  with: {x: {deep: 1}, y: 1}
  timeout: 1m
  cache: {max_age: 1d}
  resources: {requests: {cpu: 500m}, limits: {memory: 1Gi}}
steps:
  - {name: plain}
  - name: own
    retry: 1
    env: {B: own, C: 3}
    with: {x: 2, z: 3}
    timeout: 2m
    cache: false
    resources: {requests: {memory: 64Mi}}
  - {name: script, run: echo}
)");
  const Step &plain = p->steps[0], &own = p->steps[1], &script = p->steps[2];
  EXPECT_EQ(plain.uses, "noop");
  EXPECT_EQ(plain.retry.limit, 5u);
  EXPECT_EQ(plain.retry.on, (std::vector<Cause>{Cause::crash, Cause::oom}));
  EXPECT_EQ(plain.with.dump(), R"({"x":{"deep":1},"y":1})");
  EXPECT_EQ(own.retry.limit, 1u);
  EXPECT_EQ(own.retry.backoff.initial_us, 3'000'000);
  EXPECT_EQ(own.env,
            (std::map<std::string, std::string>{{"A", "from-defaults"}, {"B", "own"}, {"C", "3"}}));
  EXPECT_EQ(own.with.dump(), R"({"x":2,"y":1,"z":3})");
  EXPECT_EQ(own.timeout_us, 120'000'000);
  EXPECT_FALSE(own.cache.enabled);
  EXPECT_TRUE(plain.cache.enabled);
  EXPECT_EQ(own.resources.cpu_request, 0.5);
  EXPECT_EQ(own.resources.memory_request, 64u << 20);
  EXPECT_EQ(own.resources.memory_limit, 1u << 30);
  EXPECT_EQ(script.uses, "command") << "a step's own run goes over the defaults' uses";
}

TEST(Reader, OverriddenDefaultsAreNotChecked) {
  EXPECT_EQ(errors(R"(
defaults: {with: {x: "${{ steps.first.outputs.y }}"}}
steps:
  - {name: first, uses: noop, with: {x: 1}}
  - {name: second, uses: noop, needs: first}
)"),
            "");
}

TEST(Reader, RunIsShortForCommand) {
  const auto p = read(R"(
steps:
  - name: a
    run: |
      echo "x=${{ run.id }}" >> "$SCANFLOW_OUTPUT"
      echo done
    shell: sh
    cwd: /tmp
  - {name: b, uses: command, with: {argv: [sleep, 1, 0.5, yes], lr: 0.1}}
  - {name: c, run: "true"}
)");
  EXPECT_EQ(p->steps[0].uses, "command");
  EXPECT_EQ(p->steps[0].with["run"],
            "echo \"x=${{ run.id }}\" >> \"$SCANFLOW_OUTPUT\"\necho done\n");
  EXPECT_EQ(p->steps[0].with["shell"], "sh");
  EXPECT_EQ(p->steps[0].with["cwd"], "/tmp");
  EXPECT_TRUE(p->steps[0].with_is_dynamic);
  EXPECT_EQ(p->steps[1].with.dump(), R"({"argv":["sleep","1","0.5","yes"],"lr":0.1})");
  EXPECT_FALSE(p->steps[1].with_is_dynamic);
}

TEST(Reader, OrdersHandlersAfterSteps) {
  const auto p = read(R"(
max_parallel: 4
on_exit:    [{name: e, uses: noop}, {name: f, uses: noop, needs: e}]
on_failure: [{name: d, uses: noop, when: "${{ steps.a.status == 'failed' }}"}]
on_success: [{name: c, uses: noop}]
steps:      [{name: a, uses: noop}, {name: b, uses: noop, needs: a}]
)");
  std::string order;
  for (const Step& step : p->steps) order += step.name;
  EXPECT_EQ(order, "abcdef");
  EXPECT_EQ(p->steps[3].phase, Phase::on_failure);
  EXPECT_EQ(p->max_parallel, 4u);
  EXPECT_EQ(p->name_space, "default");
}

TEST(Reader, ReadsPolicies) {
  const auto p = read(R"(
steps:
  - {name: a, uses: noop, cache: true, retry: 3, timeout: 1h30m}
  - {name: b, uses: noop, retry: {limit: 1, on: timeout}, resources: {limits: {cpu: 500m}}}
)");
  EXPECT_TRUE(p->steps[0].cache.enabled);
  EXPECT_EQ(p->steps[0].cache.max_age_us, 0);
  EXPECT_EQ(p->steps[0].retry.limit, 3u);
  EXPECT_EQ(p->steps[0].retry.on.size(), 7u);
  EXPECT_EQ(p->steps[0].timeout_us, 5'400'000'000);
  EXPECT_EQ(p->steps[1].retry.on, std::vector<Cause>{Cause::timeout});
  EXPECT_EQ(p->steps[1].resources.cpu_request, 0.5) << "a request is never above its limit";
}

TEST(Reader, KnowsWhereValuesStand) {
  const auto p = read(R"(
defaults: {env: {SHARED: x}}
steps:
  - name: a
    uses: noop
    with: {"a/b": {list: [1, {k: 2}]}}
    env: {A: b}
    matrix: {m: [1]}
    when: "${{ true }}"
)");
  const auto& at = p->steps[0].field_at;
  EXPECT_EQ(at.at("/with/a~1b/list/1/k").line, 9);
  EXPECT_EQ(at.at("/with/a~1b/list/1/k").column, 34);
  EXPECT_EQ(at.at("/env/SHARED").line, 5);
  EXPECT_EQ(at.at("/matrix/m").line, 11);
  EXPECT_EQ(at.at("/when").line, 12);
  EXPECT_EQ(p->steps[0].at.line, 7);
}

TEST(Reader, ReadsWindowsLineEndsAndAByteOrderMark) {
  std::string text = "\xEF\xBB\xBF" + test::pipeline_text("steps:\n- {name: a, uses: nop}\n");
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) {
    text.replace(at, 1, "\r\n");
  }
  const ReadResult result = read_pipeline("w.yaml", text, test::catalog());
  EXPECT_EQ(render(result.errors, text),
            "w.yaml:5:19: error: unknown step plugin 'nop'\n"
            "   5 | - {name: a, uses: nop}\n"
            "     |                   ^~~ did you mean 'noop'?\n"
            "     = no plugin directory was searched: only what is built in is known\n");
}

TEST(Reader, CountsMatricesAgainstTheLimit) {
  std::string axis = "[0";
  for (int i = 1; i < 500; ++i) axis += "," + std::to_string(i);
  axis += "]";
  EXPECT_NE(errors("steps: [{name: a, uses: noop, matrix: {x: " + axis + ", y: " + axis + "}}]\n")
                .find("more than 200000 steps"),
            std::string::npos);
}

TEST(Reader, AnswersWhatIsNeededInALargeGraph) {
  // Layers of 40 steps, each needing two of the layer before; every step uses two of far layers.
  std::string body = "steps:\n";
  for (int i = 0; i < 4000; ++i) {
    body += "  - {name: s" + std::to_string(i) + ", uses: noop";
    if (i >= 40) {
      const int base = i / 40 * 40 - 40;
      body += ", needs: [s" + std::to_string(base + i % 40) + ", s" +
              std::to_string(base + (i + 1) % 40) + "]";
      body += ", with: {x: \"${{ steps.s" + std::to_string(i % 40) + ".status }}\"}";
    }
    body += "}\n";
  }
  EXPECT_EQ(errors(body), "");
  EXPECT_NE(errors(body + "  - {name: last, uses: noop, needs: s79, with: {x: \"${{ "
                          "steps.s5.status }}\"}}\n")
                .find("'last' uses the step 's5' but does not need it"),
            std::string::npos);
}

TEST(Diagnostics, CutLongLinesAndKeepTheCaret) {
  const std::string source = std::string(300, 'a') + "X" + std::string(300, 'b') + "\n\tü Y\n";
  std::vector<Diagnostic> problems(2);
  problems[0] = {"f", {1, 301}, "far", 1, "here", {}};
  problems[1] = {"f", {2, 4}, "tab", 9, "", {"note"}};
  EXPECT_EQ(render(problems, source),
            "f:1:301: error: far\n   1 | <" + std::string(59, 'a') + "X" + std::string(99, 'b') +
                "...\n     | " + std::string(60, ' ') +
                "^ here\n"
                "f:2:4: error: tab\n   2 |  ü Y\n     |    ^\n     = note\n");
}

}  // namespace
}  // namespace scanflow::pipeline
