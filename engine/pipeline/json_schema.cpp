#include "engine/pipeline/json_schema.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "engine/pipeline/fields.hpp"
#include "engine/pipeline/formats.hpp"
#include "engine/pipeline/plugin_schema.hpp"

namespace scanflow::pipeline {
namespace {

using nlohmann::ordered_json;

constexpr unsigned kScalars = kText | kInt | kNumber | kBool | kScalar;

ordered_json number(double value) {
  if (value == std::floor(value)) return static_cast<std::int64_t>(value);
  return value;
}

/// As a table has it: JSON, or else text ("1m").
ordered_json initial_value(std::string_view text) {
  ordered_json value = ordered_json::parse(text, nullptr, false);
  return value.is_discarded() ? ordered_json(text) : value;
}

const Format& format_named(std::string_view name) {
  const Format* format = find_format(name);
  if (format == nullptr) throw std::logic_error("formats.cpp has no " + std::string(name));
  return *format;
}

/// The format of values with units, which a single value has or has not; null for others.
const Format* units_of(const Field& field) {
  const Format* format = find_format(field.format);
  return format != nullptr && format->parse != nullptr ? format : nullptr;
}

/// Names of JSON types; one alone needs no list.
ordered_json type_names(const Field& field, unsigned types) {
  const Format* units = units_of(field);
  const bool any = (types & kScalar) != 0;
  const bool number = (types & kNumber) != 0 || (any && (units == nullptr || units->numbers));
  const std::array<std::pair<const char*, bool>, 7> all{{
      {"string", any || (types & kText) != 0},
      {"number", number},
      {"integer", !number && (types & kInt) != 0},
      {"boolean", (types & kBool) != 0 || (any && units == nullptr)},
      {"array", (types & kList) != 0},
      {"object", (types & kMap) != 0},
      {"null", (types & kNull) != 0},
  }};
  ordered_json names = ordered_json::array();
  for (const auto& [name, there] : all) {
    if (there) names.push_back(name);
  }
  return names.size() == 1 ? names[0] : names;
}

class Writer {
 public:
  /// Null: `uses` may be any plugin.
  explicit Writer(const loader::Catalog* catalog) : catalog_(catalog) {}

  ordered_json run() {
    ordered_json kinds = ordered_json::array();
    for (const DocumentKind& kind : document_kinds()) {
      kinds.push_back(reference(kind.table()));
    }
    const loader::Catalog built_in = loader::Catalog::built_in();
    describe_plugins(catalog_ != nullptr ? *catalog_ : built_in, catalog_ != nullptr, definitions_);
    return {{"$schema", "http://json-schema.org/draft-07/schema#"},
            {"$id", "https://scanflow.dev/v1/pipeline.schema.json"},
            {"title", "Scanflow"},
            {"description", "Documents of Scanflow; 'scanflow validate' checks more than this can"},
            {"type", "object"},
            {"oneOf", std::move(kinds)},
            {"definitions", std::move(definitions_)}};
  }

 private:
  /// To a table's definition, which is written when it is first asked for.
  ordered_json reference(const Table& table) {
    const std::string name(table.name);
    if (!definitions_.contains(name)) {
      definitions_[name] = nullptr;  // its place; and tables may hold each other
      ordered_json written = definition(table);
      definitions_[name] = std::move(written);
    }
    return {{"$ref", "#/definitions/" + name}};
  }

  /// Says nothing about the type: a number or null may stand in the map's place, and then nothing
  /// that is said about maps touches it. So an editor names the field that is wrong; of an anyOf it
  /// would say that a number was expected.
  ordered_json definition(const Table& table) {
    ordered_json out{{"title", table.name}};
    ordered_json required = ordered_json::array();
    for (const Field& field : table.fields) {
      out["properties"][std::string(field.name)] = property(field);
      if (field.required) required.push_back(field.name);
    }
    if (!required.empty()) out["required"] = std::move(required);
    if (!table.names.empty()) say_format(table.names, {}, out["propertyNames"]);
    if (table.filled) out["minProperties"] = 1;
    if (table.others == nullptr) {
      out["additionalProperties"] = false;
    } else if (!anything(*table.others)) {
      out["additionalProperties"] = element(*table.others);
    }
    return out;
  }

  /// Null is as good as nothing, unless there must be something.
  ordered_json property(const Field& field) {
    ordered_json out{{"description", field.doc}};
    ordered_json what = value(field, field.required ? field.types : field.types | kNull);
    // One level down: yaml-language-server writes an optional field with a default into each new
    // map if its type stands beside it.
    if (!field.initial.empty() && what.contains("type")) what = {{"allOf", {std::move(what)}}};
    out.update(what);
    if (!field.initial.empty()) out["default"] = initial_value(field.initial);
    return out;
  }

  /// Of a list or an open map.
  ordered_json element(const Field& field) {
    ordered_json out{{"description", field.doc}};
    out.update(value(field, field.types));
    return out;
  }

  static bool anything(const Field& field) {
    return field.types == (kAny | kNull) && field.table == nullptr && field.format.empty();
  }

  ordered_json value(const Field& field, unsigned types) {
    const unsigned others = types & ~kScalars;
    if (field.words.empty() || (others & (kList | kMap)) == 0) return plain(field, types);
    ordered_json forms{plain(field, types & kScalars),
                       plain(field, others)};  // of which one has words
    return {{"anyOf", std::move(forms)}};
  }

  /// One schema for several types: what is said about one does not touch the others.
  ordered_json plain(const Field& field, unsigned types) {
    ordered_json out{{"type", type_names(field, types)}};
    const bool literal = field.format == "literal";
    if ((types & kScalars) != 0) say_scalar(field, types, out);
    if ((types & kList) != 0) {
      if (literal) out["items"] = any_literal();
      if (field.each != nullptr && !anything(*field.each)) out["items"] = element(*field.each);
      if (field.filled) out["minItems"] = 1;
      if (field.distinct) out["uniqueItems"] = true;
    }
    if ((types & kMap) != 0) {
      if (field.table != nullptr) {
        out["allOf"] = {reference(field.table())};
      } else if (literal) {
        out["additionalProperties"] = any_literal();
      }
    }
    return out;
  }

  static void say_words(const Field& field, unsigned types, ordered_json& out) {
    if (field.words.size() == 1 && (types & kNull) == 0) {
      out["const"] = field.words[0];
      return;
    }
    out["enum"] = field.words;
    if ((types & kNull) != 0) out["enum"].push_back(nullptr);
  }

  static void say_scalar(const Field& field, unsigned types, ordered_json& out) {
    if (!field.words.empty()) say_words(field, types, out);
    if (!field.format.empty()) say_format(field.format, field.range, out);
    if (field.filled && (types & kText) != 0) out["minLength"] = 1;
    const Range& range = field.range;
    if (const Format* units = units_of(field); units != nullptr && !units->numbers) return;
    if (std::isfinite(range.least)) {
      out[range.above ? "exclusiveMinimum" : "minimum"] = number(range.least);
    }
    if (std::isfinite(range.most))
      out[range.below ? "exclusiveMaximum" : "maximum"] = number(range.most);
  }

  static void say_format(std::string_view name, const Range& range, ordered_json& out) {
    const Format& format = format_named(name);
    std::string pattern(format.pattern);
    const bool above = range.above && range.least == 0;
    if (above) pattern.insert(1, "(?=.*[1-9])");  // all of a range that a pattern can say
    out["pattern"] = std::move(pattern);
    out["patternErrorMessage"] =  // not of the draft; editors show it
        fmt::format("must be {}{}", format.what, above ? " above 0" : "");
  }

  /// Any value, if no text in it holds an expression.
  ordered_json any_literal() {
    ordered_json self{{"$ref", "#/definitions/literal"}};
    ordered_json& literal = definitions_["literal"];
    literal = {{"title", "literal"}};
    say_format("literal", {}, literal);
    literal["items"] = self;
    literal["additionalProperties"] = self;
    return self;
  }

  const loader::Catalog* catalog_;
  ordered_json definitions_ = ordered_json::object();
};

}  // namespace

nlohmann::ordered_json json_schema() { return Writer(nullptr).run(); }

nlohmann::ordered_json json_schema(const loader::Catalog& catalog) {
  return Writer(&catalog).run();
}

}  // namespace scanflow::pipeline
