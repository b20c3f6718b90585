// Whole pipelines: the schema takes every one in the repository that the reader takes, and knows
// what plugins take.
#include <algorithm>
#include <filesystem>
#include <map>
#include <stdexcept>

#include "engine/pipeline/json_schema.hpp"
#include "engine/pipeline/yaml_values.hpp"
#include "sdk/base/files.hpp"
#include "tests/unit/pipeline/schema_support.hpp"
#include "tests/unit/pipeline/support.hpp"

namespace scanflow::pipeline {
namespace {

namespace fs = std::filesystem;

json document_of(const std::string& text) {
  const Source source("test.yaml", text);
  Problems problems(source);
  const YamlDocument yaml = parse_yaml(source, problems);
  if (yaml.roots.size() != 1) throw std::invalid_argument(text + render(problems.take(), text));
  return to_json(*yaml.roots.at(0), problems);
}

bool is_valid(const std::string& text, const loader::Catalog& catalog = test::catalog()) {
  return read_pipeline("test.yaml", text, catalog).pipeline != nullptr;
}

/// Has whatever plugin the text names, and it takes anything.
loader::Catalog lenient(const std::string& text) {
  loader::Catalog catalog = loader::Catalog::built_in();
  constexpr std::string_view kUses = "uses: ";
  for (std::size_t at = text.find(kUses); at != std::string::npos; at = text.find(kUses, at)) {
    at += kUses.size();
    loader::PluginInfo plugin;
    plugin.id = text.substr(at, text.find_first_of(",} \n", at) - at);
    if (catalog.find(plugin.id) == nullptr) catalog.add(std::move(plugin));
  }
  return catalog;
}

std::vector<fs::path> files_below(const std::string& folder, const std::string& extension) {
  std::vector<fs::path> files;
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(SCANFLOW_SOURCE_DIR) / folder)) {
    if (entry.path().extension() == extension) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// What stands between `begin` and `end`, each time.
std::vector<std::string> pieces(const std::string& text, const std::string& begin,
                                const std::string& end) {
  std::vector<std::string> all;
  for (std::size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at)) {
    at += begin.size();
    const std::size_t last = text.find(end, at);
    if (last == std::string::npos) break;
    all.push_back(text.substr(at, last - at));
    at = last;
  }
  return all;
}

/// R"(...)" and R"yaml(...)yaml" of a source.
std::vector<std::string> raw_strings(const std::string& source) {
  std::vector<std::string> all = pieces(source, "R\"(", ")\"");
  for (std::string& text : pieces(source, "R\"yaml(", ")yaml\"")) all.push_back(std::move(text));
  return all;
}

/// Without what its first line is indented by.
std::string dedent(std::string text) {
  const std::size_t first = text.find_first_not_of(" \n");
  if (first == std::string::npos) return text;
  const std::size_t line = text.rfind('\n', first);
  const std::string indent = line == std::string::npos ? "" : text.substr(line, first - line);
  for (std::size_t at = 0; !indent.empty() && (at = text.find(indent, at)) != std::string::npos;
       ++at) {
    text.replace(at, indent.size(), "\n");
  }
  return text;
}

/// Where it is from -> a pipeline that the reader takes. Of sources every raw string is tried, by
/// itself and with the usual first lines.
std::map<std::string, std::string> valid_texts() {
  std::map<std::string, std::string> valid;
  const auto try_each = [&](const fs::path& file, const std::vector<std::string>& texts) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      for (const std::string& text : {texts[i], test::pipeline_text(dedent(texts[i]))}) {
        if (is_valid(text, lenient(text)))
          valid[file.string() + ", text " + std::to_string(i)] = text;
      }
    }
  };
  for (const fs::path& file : files_below("tests", ".cpp")) {
    try_each(file, raw_strings(read_file(file).value()));
  }
  for (const fs::path& file : files_below("pipelines", ".yaml")) {
    try_each(file, {read_file(file).value()});
  }
  const fs::path readme = fs::path(SCANFLOW_SOURCE_DIR) / "README.md";
  try_each(readme, pieces(read_file(readme).value(), "```yaml\n", "```"));
  return valid;
}

class SchemaDocuments : public test::WithValidator {};

TEST_F(SchemaDocuments, EveryValidPipelineOfTheRepositoryIsTaken) {
  const auto valid = valid_texts();
  EXPECT_GE(valid.size(), 60u) << "of these there were more; is the search broken?";
  for (const char* file : {"README.md", "pipelines/mnist/train.yaml"}) {
    EXPECT_TRUE(std::any_of(valid.begin(), valid.end(), [&](const auto& entry) {
      return entry.first.find(file) != std::string::npos;
    })) << file;
  }
  json documents = json::array();
  for (const auto& [from, text] : valid) documents.push_back(document_of(text));
  const auto open = test::by_schema(json_schema(), documents);
  const auto closed = test::by_schema(json_schema(test::catalog()), documents);
  std::size_t i = 0;
  std::size_t with_plugins = 0;
  for (const auto& [from, text] : valid) {
    EXPECT_EQ(open[i], "") << from << ":\n" << text;
    if (is_valid(text)) {
      EXPECT_EQ(closed[i], "") << "with plugins, " << from << ":\n" << text;
      ++with_plugins;
    }
    ++i;
  }
  EXPECT_GE(with_plugins, 15u);
}

TEST_F(SchemaDocuments, WhatPluginsTake) {
  // A step, and whether it is right.
  const std::vector<std::pair<std::string, bool>> steps{
      {"{uses: mnist.load}", true},
      {"{uses: mnist.load, with: }", true},
      {"{uses: mnist.load, with: {path: x, seed: 3}}", true},
      {"{uses: mnist.load, with: {seed: '${{ 1 + 1 }}'}}", true},
      {"{uses: mnist.load, with: {seed: three}}", false},
      {"{uses: mnist.load, with: {seed: 0.5}}", false},
      {"{uses: mnist.load, with: {seed: null}}", false},
      {"{uses: mnist.load, with: {sed: 3}}", false},
      {"{uses: mnist.lod}", false},
      {"{uses: every.minute}", false},
      {"{uses: torch.train}", false},
      {"{uses: torch.train, with: {epochs: 3}}", false},
      {"{uses: torch.train, with: {dataset: x}}", false},
      {"{uses: torch.train, with: {dataset: 'a ${{ 1 }}'}}", false},
      {"{uses: torch.train, with: {dataset: '${{ 1 }}'}}", true},
      {"{uses: torch.train, with: {dataset: '${{ 1 }}', model: cnn2}}", true},
      {"{uses: torch.train, with: {dataset: '${{ 1 }}', model: '${{ 1 }}'}}", true},
      {"{uses: torch.train, with: {dataset: '${{ 1 }}', model: cnn3}}", false},
      {"{uses: torch.train, with: {dataset: '${{ 1 }}', model: 3}}", false},
      {"{uses: torch.train, with: {dataset: '${{ 1 }}', epochs: 0}}", false},
      {"{uses: torch.train, with: {dataset: '${{ 1 }}', learning_rate: 0}}", false},
      {"{uses: torch.train, with: {dataset: '${{ 1 }}', layers: [1, '${{ 2 }}']}}", true},
      {"{uses: torch.train, with: {dataset: '${{ 1 }}', layers: '${{ {1} }}'}}", true},
      {"{uses: torch.train, with: {dataset: '${{ 1 }}', layers: [1, 0]}}", false},
      {"{uses: torch.train, with: {dataset: '${{ 1 }}', layers: 1}}", false},
      {"{uses: model.register, with: {model: '${{ 1 }}'}}", false},
      {"{uses: model.register, with: {model: '${{ 1 }}', name: x}}", true},
      {"{uses: noop, with: {anything: [1, {x: null}]}}", true},
      {"{uses: command, with: {argv: [sleep, 1, 0.5, true]}}", true},
      {"{uses: command, with: {argv: '${{ {1} }}', more: 3}}", true},
      {"{uses: command, with: {argv: [[sleep]]}}", false},
      {"{uses: command, with: {argv: []}}", false},
      {"{uses: command, with: {argv: sleep}}", false},
      {"{run: echo, with: {argv: 3}}", false},
      {"{run: echo, with: {shell: 3}}", false},
      {"{run: echo, with: {more: 3}}", true},
      {"{approve: Go on}", true},
      {"{description: does nothing}", false},
      {"{uses: , run: }", false},
  };
  json documents = json::array();
  std::vector<std::string> texts;
  for (const auto& [step, right] : steps) {
    const std::string text = test::pipeline_text("steps:\n  - {name: a, " + step.substr(1) + "\n");
    texts.push_back(text);
    documents.push_back(document_of(text));
  }
  const auto said = test::by_schema(json_schema(test::catalog()), documents);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(is_valid(texts[i]), steps[i].second) << steps[i].first;
    EXPECT_EQ(said[i].empty(), steps[i].second) << steps[i].first << ": " << said[i];
  }
}

TEST_F(SchemaDocuments, WhatStepsMustHaveMayComeFromTheDefaults) {
  const std::vector<std::pair<std::string, bool>> bodies{
      {"steps: [{name: a}]", false},
      {"defaults: {uses: noop}\nsteps: [{name: a}]", true},
      {"defaults: {run: echo}\nsteps: [{name: a}]", true},
      {"defaults: {uses: }\nsteps: [{name: a}]", false},
      {"defaults: {timeout: 3s}\nsteps: [{name: a}]", false},
      {"steps: [{name: a, uses: noop}]\non_exit: [{name: b}]", false},
      {"steps: [{name: a, uses: model.register, with: {model: '${{ 1 }}'}}]", false},
      {"defaults: {with: {name: x}}\n"
       "steps: [{name: a, uses: model.register, with: {model: '${{ 1 }}'}}]",
       true},
      {"defaults: {with: {name: x, model: '${{ 1 }}'}}\nsteps: [{name: a, uses: model.register}]",
       true},
  };
  json documents = json::array();
  for (const auto& [body, right] : bodies) {
    documents.push_back(document_of(test::pipeline_text(body)));
  }
  const auto said = test::by_schema(json_schema(test::catalog()), documents);
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    EXPECT_EQ(is_valid(test::pipeline_text(bodies[i].first)), bodies[i].second) << bodies[i].first;
    EXPECT_EQ(said[i].empty(), bodies[i].second) << bodies[i].first << ": " << said[i];
  }
}

}  // namespace
}  // namespace scanflow::pipeline
