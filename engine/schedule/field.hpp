// One of the five fields of a cron expression: text -> the values it names.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "sdk/base/result.hpp"

namespace scanflow::schedule {

/// What a field takes, and how errors describe it.
struct FieldRule {
  std::string_view name;
  std::string_view whole;  // what its values are counted in: of minutes, the hour
  int min;
  int max;   // the greatest value that may be written
  int last;  // where `*` and `5/2` end: `max`, except that Sunday is both 0 and 7
  std::string_view takes;
  std::string_view example;
  std::span<const std::string_view> words = {};  // jan, feb, ...: the first stands for `min`
  bool last_day = false;                         // takes `L`
};

struct Field {
  std::uint64_t values = 0;  // bit n: the value n
  bool star = false;         // a `*` occurs: Vixie's "not restricted"
  bool step = false;         // a `/` occurs
  bool last_day = false;     // `L` occurs
};

/// Comma-separated parts: `*`, `5`, `5-9`, each with a step where one is wanted (`*/5`, `10-40/15`;
/// `5/20` goes on to the field's end), words for numbers in any case. An error names the field, the
/// part, what is allowed and an example.
Result<Field> parse_field(const FieldRule& rule, std::string_view text);

}  // namespace scanflow::schedule
