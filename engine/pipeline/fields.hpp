// Every field that a document may have, as tables: the one description that the reader checks by
// (map_reader.hpp) and that the JSON Schema for editors is written from (json_schema.hpp).
#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <string_view>

namespace scanflow::pipeline {

/// What a field's value may be; several at once. A field that is not required may also be null, as
/// if it were not there.
enum FieldType : unsigned {
  kText = 1,
  kInt = 2,
  kNumber = 4,  // int or float
  kBool = 8,
  kScalar = 16,  // any single value: its format says what is right (units)
  kMap = 32,
  kList = 64,
  kAny = 127,
  kNull = 128,  // of what lists and open maps hold: they may hold null, too
};

struct Table;

/// The numbers that are allowed: of a duration in microseconds, of a size in bytes, else as written.
struct Range {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool above = false;          // `least` itself is too little
  std::string_view hint = {};  // what to write instead
  bool below = false;          // `most` itself is too much
};

struct Field {
  std::string_view name;  // empty: of each value of a list or an open map
  unsigned types = kAny;
  std::string_view doc;
  std::string_view format = {};  // of texts; see formats.hpp
  bool required = false;

  // Set by the functions below, as in Field{"limit", kInt, "..."}.within(0, 10).initially("1").
  const Table& (*table)() = nullptr;             // of its map; null: any map
  const Field* each = nullptr;                   // of its list; null: any values
  std::span<const std::string_view> words = {};  // all single values that are allowed; empty: any
  Range range = {};
  std::string_view initial = {};  // what holds without it, as JSON or else as text; empty: nothing
  bool filled = false;            // an empty text or list is refused
  bool distinct = false;          // so are equal values in its list
  bool work = false;              // of a step, or a node: what it does; one of these it must have

  constexpr Field of(const Table& (*fields)()) const {
    Field copy = *this;
    copy.table = fields;
    return copy;
  }
  constexpr Field listing(const Field& element) const {
    Field copy = *this;
    copy.each = &element;
    return copy;
  }
  constexpr Field among(std::span<const std::string_view> allowed) const {
    Field copy = *this;
    copy.words = allowed;
    return copy;
  }
  constexpr Field within(double least, double most, std::string_view hint = {}) const {
    Field copy = *this;
    copy.range = {least, most, false, hint};
    return copy;
  }
  constexpr Field at_least(double least, std::string_view hint = {}) const {
    return within(least, std::numeric_limits<double>::infinity(), hint);
  }
  constexpr Field above(double least, std::string_view hint = {}) const {
    Field copy = at_least(least, hint);
    copy.range.above = true;
    return copy;
  }
  constexpr Field up_to(double most) const {
    Field copy = *this;
    copy.range.most = most;
    return copy;
  }
  constexpr Field below(double most) const {
    Field copy = up_to(most);
    copy.range.below = true;
    return copy;
  }
  constexpr Field initially(std::string_view value) const {
    Field copy = *this;
    copy.initial = value;
    return copy;
  }
  constexpr Field not_empty() const {
    Field copy = *this;
    copy.filled = true;
    return copy;
  }
  constexpr Field not_twice() const {
    Field copy = *this;
    copy.distinct = true;
    return copy;
  }
  constexpr Field as_work() const {
    Field copy = *this;
    copy.work = true;
    return copy;
  }
};

/// What a map may hold.
struct Table {
  std::string_view name;  // of its definition in the JSON Schema; unique
  std::string_view what;  // for messages: "a step"
  std::span<const Field> fields;
  const Field* others = nullptr;  // the values of names that are not in `fields`; null: refused
  std::string_view names = {};    // the format of those names
  bool filled = false;            // an empty map is refused
};

/// Fields of one table, at most.
inline constexpr std::size_t kMostFields = 40;

/// A kind of document, as `kind` names it.
struct DocumentKind {
  std::string_view name;
  const Table& (*table)();
};
std::span<const DocumentKind> document_kinds();

const Table& pipeline_fields();
const Table& metadata_fields();
const Table& text_fields();    // labels, annotations: open
const Table& params_fields();  // by name: open
const Table& param_fields();
const Table& step_fields();
const Table& default_fields();      // of steps, without those that make no sense for all
const Table& with_fields();         // open
const Table& matrix_fields();       // include, exclude, and axes by name
const Table& combination_fields();  // of a matrix: open
const Table& env_fields();          // open
const Table& secrets_fields();      // open
const Table& secret_fields();
const Table& secret_key_fields();
const Table& sidecar_fields();
const Table& hooks_fields();
const Table& checkpoint_fields();
const Table& retry_fields();
const Table& backoff_fields();
const Table& cache_fields();
const Table& reuse_fields();
const Table& volume_fields();
const Table& pod_template_fields();  // in pod_fields.cpp
const Table& placement_fields();     // there too
const Table& resources_fields();
const Table& devices_fields();
const Table& request_fields();
const Table& limit_fields();
const Table& approve_fields();
const Table& concurrency_fields();
const Table& outputs_fields();  // open
const Table& retain_fields();
const Table& schedule_fields();
const Table& schedule_params_fields();  // by name: open
const Table& pool_fields();

// In service_fields.cpp.
const Table& service_fields();
const Table& pipeline_service_fields();  // of those that a pipeline brings along
const Table& service_node_fields();
const Table& service_container_fields();
const Table& service_version_fields();
const Table& service_batching_fields();
const Table& service_scaling_fields();
const Table& service_resources_fields();
const Table& service_slo_fields();
const Table& service_backup_fields();

// In agent_fields.cpp.
const Table& agent_fields();
const Table& agent_rule_fields();
const Table& agent_trigger_fields();  // by plugin: open
const Table& agent_see_fields();      // by name: open
const Table& agent_action_fields();   // by primitive: open
const Table& agent_strategy_fields();
const Table& agent_guard_fields();
const Table& agent_goal_fields();

/// string, int, float ...: the types of parameters.
std::span<const std::string_view> param_types();

}  // namespace scanflow::pipeline
