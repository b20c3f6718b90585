// Every field that a pipeline may have, as tables: what the reader checks by, and what a JSON
// Schema for editors can be written from.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/yaml_document.hpp"

namespace scanflow::pipeline {

/// What a field's value may be; several at once.
enum FieldType : unsigned {
  kText = 1,
  kInt = 2,
  kNumber = 4,  // int or float
  kBool = 8,
  kScalar = 16,  // any single value: its reader says what is right (units)
  kMap = 32,
  kList = 64,
  kAny = 127,
};

struct Field {
  std::string_view name;
  unsigned types = kAny;
  std::string_view doc;
  std::string_view format = {};  // "duration", "bytes", "cpu", "label", "expression"
  bool required = false;
  bool later = false;  // known, but not in this version
};

std::span<const Field> file_fields();
std::span<const Field> metadata_fields();
std::span<const Field> param_fields();
std::span<const Field> step_fields();
std::span<const Field> default_fields();  // of steps, without those that make no sense for all
std::span<const Field> retry_fields();
std::span<const Field> backoff_fields();
std::span<const Field> cache_fields();
std::span<const Field> resources_fields();
std::span<const Field> amount_fields();
std::span<const Field> approve_fields();
std::span<const Field> pool_fields();
std::span<const Field> concurrency_fields();

/// A map checked against a table: unknown fields (with the nearest name), later ones, missing ones
/// and values of a wrong kind are reported once, here.
class MapReader {
 public:
  /// `what` for messages: "a step". `required` off: for fragments (defaults).
  MapReader(const Node& map, std::span<const Field> table, std::string_view what,
            Problems& problems);

  const Node& node() const { return map_; }
  /// The value; null where it is absent, null in the file, or of a wrong kind (reported).
  const Node* get(std::string_view name) const;
  /// Where the field's name stands; the map's place where it is absent.
  const Node* key(std::string_view name) const { return map_.find_key(name); }

 private:
  void take(const Node& key, const Node& value, std::string_view what);
  void report_unknown(const Node& key, const Node& value, std::string_view what);

  static constexpr std::size_t kMost = 40;
  const Node& map_;
  std::span<const Field> table_;
  Problems& problems_;
  std::array<const Node*, kMost> values_{};
};

/// "the number 3", "a list", "true": what a value is, for messages.
std::string describe_value(const Node& node);

}  // namespace scanflow::pipeline
