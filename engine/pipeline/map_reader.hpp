// A map of the file, checked against its table.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/pipeline/fields.hpp"
#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/yaml_document.hpp"

namespace scanflow::pipeline {

/// Unknown fields (with the nearest name), missing ones, and values of a wrong kind, out
/// of their range, not among the allowed words or without their format are reported once, here.
class MapReader {
 public:
  MapReader(const Node& map, const Table& table, Problems& problems);

  const Node& node() const { return map_; }
  /// The value; null where it is absent, null in the file, or wrong (reported). A list that
  /// is empty or has wrong elements is given all the same: its reader leaves them out.
  const Node* get(std::string_view name) const;
  /// Is there a value, right or wrong?
  bool has(std::string_view name) const;
  /// Where the field's name stands; null where it is absent.
  const Node* key(std::string_view name) const { return map_.find_key(name); }

 private:
  void take(const Node& key, const Node& value);
  void report_unknown(const Node& key, const Node& value);

  const Node& map_;
  const Table& table_;
  Problems& problems_;
  std::array<const Node*, kMostFields> values_{};
};

/// "the number 3", "a list", "true": what a value is, for messages.
std::string describe_value(const Node& node);

// What a value that MapReader gave stands for, by its field: a duration in microseconds, a number
// (of a share: 0 to 1), true or false.
std::int64_t duration_of(const Node& node);
double share_of(const Node& node);
double number_of(const Node& node);
bool is_true(const Node& node);

}  // namespace scanflow::pipeline
