#include "tests/unit/pipeline/support.hpp"

#include <gtest/gtest.h>

namespace scanflow::pipeline::test {
namespace {

loader::PluginInfo plugin(const char* id, const char* config, const char* inputs,
                          const char* outputs) {
  loader::PluginInfo info;
  info.id = id;
  info.version = "1.0.0";
  info.config_schema = json::parse(config);
  info.input_schema = json::parse(inputs);
  info.output_schema = json::parse(outputs);
  return info;
}

/// In which noop serves online, too: services of pipelines are tried with it.
loader::Catalog built_in() {
  const loader::Catalog as_it_is = loader::Catalog::built_in();
  loader::Catalog catalog;
  for (const loader::PluginInfo* each : as_it_is.all()) {
    loader::PluginInfo info = *each;
    if (info.id == "noop") {
      info.serves = true;
      info.input_schema["properties"]["model"] = {{"type", "string"}};
    }
    catalog.add(std::move(info));
  }
  return catalog;
}

loader::Catalog make_catalog() {
  loader::Catalog catalog = built_in();
  catalog.add(plugin("mnist.load", R"({"type": "object", "properties": {
      "path": {"type": "string"}, "seed": {"type": "integer"}}})",
                     "{}", R"({"type": "object", "properties": {"images": {"type": "integer"}},
      "x-artifacts": {"train": "", "validation": "", "test": ""}})"));
  catalog.add(plugin("torch.train", R"({"type": "object", "properties": {
      "model": {"type": "string", "enum": ["cnn1", "cnn2"], "default": "cnn1"},
      "epochs": {"type": "integer", "minimum": 1, "maximum": 10000},
      "learning_rate": {"type": "number", "exclusiveMinimum": 0},
      "layers": {"type": "array", "items": {"type": "integer", "minimum": 1}}}})",
                     R"({"type": "object", "properties": {
      "dataset": {"type": "string", "description": "directory with IDX files"},
      "init_from": {"type": "string"}}, "required": ["dataset"]})",
                     R"({"type": "object", "properties": {
      "validation_accuracy": {"type": "number"}}, "x-artifacts": {"model": "", "card": ""}})"));
  catalog.add(plugin("torch.evaluate", R"({"type": "object", "properties": {}})",
                     R"({"type": "object", "properties": {"model": {"type": "string"},
      "dataset": {"type": "string"}}, "required": ["model", "dataset"]})",
                     R"({"type": "object", "properties": {"accuracy": {"type": "number"}}})"));
  catalog.add(plugin("model.register", R"({"type": "object", "properties": {
      "name": {"type": "string"}}, "required": ["name"]})",
                     R"({"type": "object", "properties": {"model": {"type": "string"}},
      "required": ["model"]})",
                     "{}"));
  catalog.add(plugin("report.html", R"({"type": "object", "properties": {}})", "{}", "{}"));
  loader::PluginInfo trigger = plugin("every.minute", "{}", "{}", "{}");
  trigger.kind = loader::Kind::trigger;
  catalog.add(trigger);
  return catalog;
}

}  // namespace

const loader::Catalog& catalog() {
  static const loader::Catalog kCatalog = make_catalog();
  return kCatalog;
}

std::string pipeline_text(const std::string& body) {
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: test}\n" + body;
}

std::shared_ptr<const Pipeline> read(const std::string& body) {
  const std::string text = pipeline_text(body);
  ReadResult result = read_pipeline("test.yaml", text, catalog());
  EXPECT_EQ(render(result.errors, text), "");
  return result.pipeline != nullptr ? result.pipeline : std::make_shared<const Pipeline>();
}

std::string errors(const std::string& body) {
  const std::string text = pipeline_text(body);
  const ReadResult result = read_pipeline("test.yaml", text, catalog());
  EXPECT_EQ(result.pipeline == nullptr, !result.errors.empty());
  return render(result.errors, text);
}

Plan plan(const std::string& body, const json& given) {
  auto made = make_plan(read(body), given);
  EXPECT_TRUE(made) << made.error().message;
  return made ? *std::move(made) : Plan();
}

std::string plan_error(const std::string& body, const json& given) {
  auto made = make_plan(read(body), given);
  EXPECT_FALSE(made);
  return made ? "" : made.error().message;
}

}  // namespace scanflow::pipeline::test
