// The JSON Schema for editors and the reader say the same about every field of every table: the
// schema is never stricter, and looser only where it is said here.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "engine/pipeline/json_schema.hpp"
#include "tests/unit/pipeline/schema_support.hpp"
#include "tests/unit/pipeline/table_walk.hpp"

namespace scanflow::pipeline {
namespace {

using nlohmann::json;
using test::Place;

const std::map<std::string, json>& samples() {
  static const std::map<std::string, json> kSamples{
      {"null", nullptr},
      {"true", true},
      {"3", 3},
      {"-3", -3},
      {"2000000", 2'000'000},
      {"0.5", 0.5},
      {"2.0", 2.0},
      {"empty text", ""},
      {"3 as text", "3"},
      {"step's name", "noop"},
      {"words", "two words"},
      {"expression", "${{ 1 }}"},
      {"text and expression", "a ${{ 1 }}"},
      {"duration", "10m"},
      {"no time at all", "0s"},
      {"size", "512Mi"},
      {"empty list", json::array()},
      {"list of a step's name", {"noop"}},
      {"list of words", {"two words"}},
      {"list of a number", json::array({3})},
      {"list of nothing", json::array({nullptr})},
      {"list of an expression", json::array({"${{ 1 }}"})},
      {"list of a list", json::array({json::array({"noop"})})},
      {"list of a map", json::array({{{"x", 1}}})},
      {"twice in a list", {"noop", "noop"}},
      {"empty map", json::object()},
      {"map to a number", {{"x", 1}}},
      {"map to words", {{"x", "two words"}}},
      {"map to nothing", {{"x", nullptr}}},
      {"map to an expression", {{"x", "${{ 1 }}"}}},
      {"map to a list", {{"x", {1}}}},
      {"map to a map", {{"x", {{"y", 1}}}}},
      {"map with a strange name", {{"strange name", 1}}},
      {"map with an expression for a name", {{"${{ 1 }}", 1}}},
  };
  return kSamples;
}

/// Where the schema takes what the reader refuses, and why it cannot know better. "*": any.
struct Exception {
  std::string place;
  std::set<std::string> samples;
  const char* reason;
};

const std::vector<Exception>& exceptions() {
  static const std::set<std::string> kNames{"3 as text", "duration", "no time at all"};
  static const std::set<std::string> kIds{"3 as text", "duration", "no time at all", "size",
                                          "words"};
  static const std::vector<Exception> kExceptions{
      {"*", {"2.0"}, "an integer, to JSON Schema"},
      {"backoff.max", {"no time at all"}, "compared with another field: initial"},
      {"defaults.uses", kIds, "which plugins there are"},
      {"step.uses", kIds, "which plugins there are"},
      {"step.name", {"step's name"}, "no two steps have one name"},
      {"step.needs", kNames, "which steps there are"},
      {"step.needs[]", kNames, "which steps there are"},
      {"step.args", {"*"}, "goes with another field: command"},
      {"step.args[]", {"*"}, "goes with another field: command"},
      {"limits.memory", {"3 as text"}, "how much a size is"},
      {"requests.memory", {"3 as text"}, "how much a size is"},
      {"service_resources.memory", {"3 as text"}, "how much a size is"},
      {"matrix.*", {"twice in a list"}, "compared as text: 1 and 1.0 are two values"},
      {"schedule.timezone", {"*"}, "which time zones there are"},
      {"schedule.params", {"*"}, "which parameters there are"},
      {"schedule_params.*", {"*"}, "which parameters there are"},
      {"service_node.name", {"step's name"}, "no two nodes have one name"},
      {"service_node.needs", kNames, "which nodes there are"},
      {"service_node.needs[]", kNames, "which nodes there are"},
      {"service_node.uses", kIds, "which plugins there are"},
      {"service_node.with", {"map to an expression"}, "expressions, which other maps hold"},
      {"service_container.env", {"map to an expression"}, "expressions, which other maps hold"},
      {"service_backup.node", kNames, "which nodes there are"},
      {"service_slo.errors", {"3 as text"}, "how much a share is"},
      {"params.*", {"empty map"}, "a type or a default, from which the type follows"},
      {"param.type", {"null"}, "a type or a default, from which the type follows"},
      {"param.default", {"null"}, "a type or a default, from which the type follows"},
      {"checkpoint.signal",
       {"*"},
       "which signals there are; one of two fields: signal and program"},
      {"checkpoint.program", {"null"}, "one of two fields: signal and program"},
      {"secret.env", {"null"}, "one of its fields: env, file and secret"},
      {"secret.file", {"null"}, "one of its fields: env, file and secret"},
      {"secret.secret", {"null"}, "one of its fields: env, file and secret"},
      {"param.enum", {"*"}, "compared with another field: type"},
      {"param.enum[]", {"*"}, "compared with another field: type"},
      {"param.min", {"3", "2000000"}, "compared with another field: default"},
      {"param.max", {"-3", "0.5"}, "compared with another field: default"},
  };
  return kExceptions;
}

const Exception* exception_for(const std::string& place, const std::string& sample) {
  const auto found =
      std::find_if(exceptions().begin(), exceptions().end(), [&](const Exception& each) {
        return (each.place == place || each.place == "*") &&
               (each.samples.count(sample) > 0 || each.samples.count("*") > 0);
      });
  return found == exceptions().end() ? nullptr : &*found;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

class SchemaAgreement : public test::WithValidator {};

TEST_F(SchemaAgreement, OnEachFieldWithValuesOfEachKind) {
  std::vector<std::pair<const Place*, std::string>> cases;
  json documents = json::array();
  const std::vector<Place> places = test::all_places();
  for (const Place& place : places) {
    for (const auto& [sample, value] : samples()) {
      cases.emplace_back(&place, sample);
      documents.push_back(place.document(value));
    }
  }
  const auto schema_said = test::by_schema(json_schema(), documents);
  std::map<const Exception*, std::set<std::string>> used;
  std::set<const Place*> refused;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto& [place, sample] = cases[i];
    const std::string reader_said = first_line(test::by_reader(documents[i]));
    if (!reader_said.empty() && !schema_said[i].empty()) refused.insert(place);
    if (reader_said.empty() == schema_said[i].empty()) continue;
    const Exception* exception = exception_for(place->name, sample);
    used[exception].insert(sample);
    EXPECT_TRUE(exception != nullptr && schema_said[i].empty())
        << place->name << " with " << sample << " (" << documents[i]
        << ")\n  the reader says: " << (reader_said.empty() ? "nothing" : reader_said)
        << "\n  the schema says: " << (schema_said[i].empty() ? "nothing" : schema_said[i])
        << "\n  let the tables (fields.cpp) say more, or, where no schema can, exceptions() why";
  }
  for (const Exception& each : exceptions()) {
    if (each.samples.count("*") == 0) {
      EXPECT_EQ(used[&each], each.samples) << each.place << ": an exception that is none any more";
    } else {
      EXPECT_FALSE(used[&each].empty()) << each.place << " needs no exception any more";
    }
  }
  for (const Place& place : places) {
    const bool anything = place.field->types == (kAny | kNull) && place.field->format != "literal";
    EXPECT_NE(refused.count(&place) > 0, anything) << place.name << ": no sample was refused";
  }
}

TEST_F(SchemaAgreement, OnAValidValueOfEachKindThatAFieldMayHave) {
  std::vector<std::string> names;
  std::vector<bool> depends;  // on more than the field
  json documents = json::array();
  for (const Place& place : test::all_places()) {
    for (const json& value : test::valid_values(*place.field)) {
      names.push_back(place.name + ": " + value.dump());
      // On the parameter's type; on which parameters there are; on a command.
      depends.push_back(place.name.starts_with("param.enum") ||
                        place.name.starts_with("schedule_params.") ||
                        place.name.starts_with("step.args"));
      documents.push_back(place.document(value));
    }
  }
  const auto schema_said = test::by_schema(json_schema(), documents);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string reader_said = test::by_reader(documents[i]);
    EXPECT_TRUE(reader_said.empty() || depends[i]) << names[i] << ": " << reader_said;
    EXPECT_EQ(schema_said[i], "") << names[i];
  }
}

TEST_F(SchemaAgreement, OnUnknownAndMissingFields) {
  std::vector<std::string> names;
  json documents = json::array();
  const auto add = [&](const std::string& name, json document) {
    names.push_back(name);
    documents.push_back(std::move(document));
  };
  for (const test::TablePlace& place : test::all_tables()) {
    const Table& table = *place.table;
    const std::string name(table.name);
    for (const Field& field : table.fields) {
      json map = test::smallest(table);
      map[std::string(field.name)] = nullptr;
      if (field.required)
        add(name + " without a value for " + std::string(field.name), place.document(map));
      map.erase(std::string(field.name));
      if (field.required) add(name + " without " + std::string(field.name), place.document(map));
    }
    if (table.others != nullptr) continue;
    json map = test::smallest(table);
    map["unknown"] = "x";
    add(name + " with an unknown field", place.document(map));
  }
  ASSERT_GT(names.size(), 30u);
  const auto schema_said = test::by_schema(json_schema(), documents);
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_NE(test::by_reader(documents[i]), "") << names[i];
    EXPECT_NE(schema_said[i], "") << names[i];
  }
}

TEST_F(SchemaAgreement, OnWordsThatAreNearlyRight) {
  std::vector<std::string> names;
  json documents = json::array();
  for (const Place& place : test::all_places()) {
    for (const std::string_view word : place.field->words) {
      names.push_back(place.name + ": " + std::string(word));
      documents.push_back(place.document(std::string(word)));
      documents.push_back(place.document(std::string(word) + "s"));
    }
  }
  ASSERT_GT(names.size(), 20u);
  const auto schema_said = test::by_schema(json_schema(), documents);
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(test::by_reader(documents[2 * i]) + schema_said[2 * i], "") << names[i];
    EXPECT_NE(test::by_reader(documents[2 * i + 1]), "") << names[i] << "s";
    EXPECT_NE(schema_said[2 * i + 1], "") << names[i] << "s";
  }
}

TEST_F(SchemaAgreement, OnTheEndsOfRanges) {
  std::vector<std::string> names;
  json documents = json::array();
  std::vector<bool> valid;
  const auto add = [&](const Place& place, double value, bool right) {
    const bool whole = (place.field->types & kInt) != 0;
    names.push_back(place.name + ": " + std::to_string(value));
    documents.push_back(
        place.document(whole ? json(static_cast<std::int64_t>(value)) : json(value)));
    valid.push_back(right);
  };
  for (const Place& place : test::all_places()) {
    const Range& range = place.field->range;
    const bool numbers =
        (place.field->types & (kInt | kNumber)) != 0 || place.field->format == "cpu";
    if (!numbers || range.least < -1e9) continue;
    add(place, range.least, !range.above);
    add(place, range.least - 1, false);
    add(place, range.most, true);
    add(place, range.most + 1, false);
  }
  ASSERT_GT(names.size(), 30u);
  const auto schema_said = test::by_schema(json_schema(), documents);
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(test::by_reader(documents[i]).empty(), valid[i]) << names[i];
    EXPECT_EQ(schema_said[i].empty(), valid[i]) << names[i] << ": " << schema_said[i];
  }
}

}  // namespace
}  // namespace scanflow::pipeline
