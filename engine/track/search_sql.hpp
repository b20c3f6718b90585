// A search as SQL: WHERE and ORDER BY over a table `t` whose rows have keyed values elsewhere. Pure. Private to
// engine/track.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/store/sqlite.hpp"
#include "engine/track/filter.hpp"

namespace scanflow::track {

/// Tables of what belongs to a row: (owner, key, value); of metrics: (owner, name, value). Empty: it has none.
struct KeyedTables {
  std::string tags, parameters, metrics;
};

struct Sql {
  std::string text;
  std::vector<store::Parameter> parameters;  // of its question marks, in order
};

/// "(...) AND (...)"; "1" where there are none.
Sql where_of(const std::vector<Comparison>& filter, const KeyedTables& tables);
/// "x DESC, y": rows without the value last, before them those whose value is not a number. `last`: what
/// tells rows apart that are equal so far.
Sql order_of(const std::vector<Order>& orders, const KeyedTables& tables, const std::string& last);

/// Pages: the place where the next one begins, as text that means nothing to clients.
std::string token_of(std::uint64_t offset);
Answer<std::uint64_t> offset_of(const std::string& token);

}  // namespace scanflow::track
