// The JSON Schema itself: the committed file, formats, defaults, plugins.
#include "engine/pipeline/json_schema.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <regex>
#include <set>

#include "engine/pipeline/documents.hpp"
#include "engine/pipeline/formats.hpp"
#include "engine/pipeline/service_reader.hpp"
#include "engine/pipeline/text.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/units.hpp"
#include "tests/unit/pipeline/support.hpp"
#include "tests/unit/pipeline/table_walk.hpp"

namespace scanflow::pipeline {
namespace {

using nlohmann::json;

TEST(JsonSchema, IsTheCommittedOne) {
  const std::string file = SCANFLOW_SOURCE_DIR "/pipelines/schema/pipeline.schema.json";
  const std::string generated = json_schema().dump(2) + "\n";
  if (std::getenv("SCANFLOW_UPDATE_GOLDEN") != nullptr) {
    ASSERT_TRUE(write_file_atomically(file, generated));
    return;
  }
  const auto committed = read_file(file);
  ASSERT_TRUE(committed) << committed.error().message;
  EXPECT_TRUE(*committed == generated)
      << "the tables of fields have changed, " << file
      << " has not: SCANFLOW_UPDATE_GOLDEN=1 build/tests/unit_pipeline "
         "--gtest_filter='JsonSchema.*' writes it anew";
}

TEST(JsonSchema, DescribesEveryFieldOfEveryTable) {
  const json schema = json_schema();
  std::set<std::string> names;
  for (const test::TablePlace& place : test::all_tables()) {
    const Table& table = *place.table;
    EXPECT_TRUE(names.insert(std::string(table.name)).second) << table.name << " twice";
    const json& definition = schema.at("definitions").at(std::string(table.name));
    for (const Field& field : table.fields) {
      const std::string where = std::string(table.name) + "." + std::string(field.name);
      const json& property = definition["properties"].at(std::string(field.name));
      EXPECT_EQ(property.at("description"), field.doc) << where;
      EXPECT_FALSE(field.doc.empty()) << where;
      EXPECT_EQ(property.contains("default"), !field.initial.empty()) << where;
    }
  }
  EXPECT_GT(names.size(), 15u);
}

/// Texts of the characters that matter, so that many of them are nearly right.
std::vector<std::string> texts(std::string_view characters) {
  std::mt19937 random(1);
  std::vector<std::string> all;
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (std::size_t length = random() % 7; length > 0; --length) {
      text += characters[random() % characters.size()];
    }
    all.push_back(std::move(text));
  }
  return all;
}

bool matches(const char* format, const std::string& text) {
  static std::map<std::string, std::regex> compiled;
  const auto [found, fresh] = compiled.try_emplace(format);
  if (fresh) found->second = std::string(find_format(format)->pattern);
  return std::regex_search(text, found->second);
}

TEST(JsonSchema, PatternsTakeWhatTheReaderTakes) {
  int right = 0;
  for (const std::string& text : texts("019..ushmdw-+e ")) {
    EXPECT_EQ(matches("duration", text), parse_duration(text).has_value()) << text;
    right += matches("duration", text) ? 1 : 0;
  }
  for (const std::string& text : texts("019..kMGTim-e ")) {
    EXPECT_EQ(matches("bytes", text), parse_bytes(text).has_value()) << text;
    right += matches("bytes", text) ? 1 : 0;
  }
  for (const std::string& text : texts("019..mm-e ")) {
    EXPECT_EQ(matches("cpu", text), parse_cpu(text).has_value()) << text;
    right += matches("cpu", text) ? 1 : 0;
  }
  for (const std::string& text : texts("az09-_AZ.")) {
    EXPECT_EQ(matches("label", text), is_label(text)) << text;
    EXPECT_EQ(matches("identifier", text), is_identifier(text)) << text;
    right += matches("label", text) ? 1 : 0;
  }
  EXPECT_GT(right, 1000);
  EXPECT_EQ(matches("label", std::string(63, 'a')), is_label(std::string(63, 'a')));
  EXPECT_EQ(matches("label", std::string(64, 'a')), is_label(std::string(64, 'a')));
}

/// All that fields with a default decide.
json decisions(const Pipeline& pipeline) {
  json steps = json::array();
  for (const Step& step : pipeline.steps) {
    json causes = json::array();
    for (const Cause cause : step.retry.on) causes.push_back(name(cause));
    const Backoff& backoff = step.retry.backoff;
    steps.push_back(
        {{"limit", step.retry.limit},
         {"on", std::move(causes)},
         {"backoff", {backoff.initial_us, backoff.factor, backoff.max_us, backoff.jitter}},
         {"cache", step.cache.enabled},
         {"allow_failure", step.allow_failure},
         {"priority", step.priority},
         {"replicas", step.replicas},
         {"pool", step.pool.limit},
         {"approve", step.approve.approve_after},
         {"sidecar", step.sidecar},
         {"volumes", step.volumes},
         {"reuse", {step.reuse.enabled, step.reuse.idle_us, step.reuse.uses, step.reuse.age_us}}});
  }
  return {
      {"namespace", pipeline.name_space},
      {"fail_fast", pipeline.fail_fast},
      {"priority", pipeline.priority},
      {"concurrency", {pipeline.concurrency.max, pipeline.concurrency.policy}},
      {"schedule", {pipeline.schedule.zone, pipeline.schedule.catch_up, pipeline.schedule.suspend}},
      {"steps", std::move(steps)}};
}

json decisions(const ServiceSpec& service) {
  json nodes = json::array();
  for (const ServiceNode& node : service.graph) {
    json versions = json::array();
    for (const ServiceVersion& version : node.versions)
      versions.push_back({version.weight, version.shadow});
    nodes.push_back({node.type, std::move(versions),
                     node.container ? json{node.container->port, node.container->cpus} : json()});
  }
  return {nodes,
          {service.batch_rows, service.batch_delay_us},
          {service.replicas, service.scaling_target, service.scaling_stabilization_us},
          {service.cpus, service.queue, service.timeout_us, service.retries}};
}

json decisions(const test::Place& place, const json& value) {
  const std::string text = place.document(value).dump();
  const ReadResult result = read_pipeline("test.yaml", text, test::catalog());
  if (result.pipeline == nullptr) return json();
  json all = decisions(*result.pipeline);
  const std::vector<SourceText> texts{{"test.yaml", text}};
  const Documents documents = read_names(texts, "");
  for (const Document& document : documents.all) {
    if (document.kind != "InferenceService") continue;
    const auto read = read_service("test.yaml", document.text, test::catalog());
    EXPECT_TRUE(read.service) << document.text << render(read.errors, document.text);
    if (read.service) all["services"].push_back(decisions(*read.service));
  }
  return all;
}

TEST(JsonSchema, DefaultsAreThoseOfTheReader) {
  const json schema = json_schema();
  int checked = 0;
  for (const test::Place& place : test::all_places()) {
    if (place.field->initial.empty() || place.field->name == "shell") continue;
    const std::size_t dot = place.name.find('.');
    const json& initial = schema["definitions"][place.name.substr(0, dot)]["properties"]
                                [std::string(place.field->name)]["default"];
    const json without = decisions(place, nullptr);
    ASSERT_FALSE(without.is_null()) << place.name;
    EXPECT_EQ(decisions(place, initial), without) << place.name << ": " << initial;
    // And the field does decide something of this.
    std::vector<json> others = test::valid_values(*place.field);
    others.emplace_back(2);
    EXPECT_TRUE(std::any_of(others.begin(), others.end(),
                            [&](const json& other) {
                              const json with = decisions(place, other);
                              return !with.is_null() && with != without;
                            }))
        << place.name << ": add it to decisions()";
    ++checked;
  }
  EXPECT_GT(checked, 15);
  const json& command = test::catalog().find("command")->config_schema;
  EXPECT_EQ(schema["definitions"]["step"]["properties"]["shell"]["default"],
            command["properties"]["shell"]["default"]);
}

TEST(JsonSchema, NamesPluginsWhereTheyAreKnown) {
  const json open = json_schema();
  EXPECT_FALSE(open["definitions"]["step"]["properties"]["uses"].contains("enum"));
  EXPECT_TRUE(open["definitions"].contains("with-command"));
  const json closed = json_schema(test::catalog());
  const json& uses = closed["definitions"]["step"]["properties"]["uses"];
  EXPECT_EQ(uses["enum"], (json{"command", "mnist.load", "model.register", "noop", "report.html",
                                "torch.evaluate", "torch.train", nullptr}))
      << "step plugins only";
  EXPECT_EQ(uses["enumDescriptions"][0], test::catalog().find("command")->summary);
  EXPECT_EQ(closed["definitions"]["with-mnist.load"]["properties"]["seed"]["type"],
            (json{"integer", "string"}))
      << "a number, or the text of an expression";
}

}  // namespace
}  // namespace scanflow::pipeline
