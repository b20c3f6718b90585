// Reading and checking a pipeline of 10,000 steps, beside yaml-cpp's own reading of the same text.
#include <benchmark/benchmark.h>
#include <yaml-cpp/yaml.h>

#include <string>

#include "engine/pipeline/plan.hpp"
#include "engine/pipeline/reader.hpp"

namespace scanflow::pipeline {
namespace {

constexpr int kSteps = 10'000;

/// A hundred layers; each step needs one of the layer before and uses what it gave.
std::string text() {
  std::string yaml =
      "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: bench}\nparams: {n: 3}\n"
      "steps:\n";
  for (int i = 0; i < kSteps; ++i) {
    yaml += "  - name: s" + std::to_string(i) + "\n    uses: command\n";
    if (i < 100) {
      yaml += "    with: {argv: [echo, \"${{ params.n }}\"]}\n";
      continue;
    }
    const std::string need = "s" + std::to_string(i - 100);
    yaml += "    needs: [" + need + "]\n    with: {argv: [echo, \"${{ steps." + need +
            ".outputs.x }}\"]}\n";
  }
  return yaml;
}

void validate(benchmark::State& state) {
  const std::string yaml = text();
  const loader::Catalog catalog = loader::Catalog::built_in();
  for (auto _ : state) {
    const ReadResult read = read_pipeline("bench.yaml", yaml, catalog);
    if (!read.pipeline) return state.SkipWithError(render(read.errors, yaml).c_str());
    const auto plan = make_plan(read.pipeline, json::object());
    if (!plan) return state.SkipWithError(plan.error().message.c_str());
    benchmark::DoNotOptimize(plan->steps.size());
  }
}
BENCHMARK(validate)->Unit(benchmark::kMillisecond)->Name("validate 10,000 steps");

void yaml_cpp(benchmark::State& state) {
  const std::string yaml = text();
  for (auto _ : state) benchmark::DoNotOptimize(YAML::Load(yaml).size());
}
BENCHMARK(yaml_cpp)->Unit(benchmark::kMillisecond)->Name("anchor: yaml-cpp reads them");

}  // namespace
}  // namespace scanflow::pipeline
