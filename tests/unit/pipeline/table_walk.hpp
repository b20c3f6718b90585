// Every place of a document where a value may stand, found by walking the tables of fields.hpp:
// tests try values there without a list of fields of their own.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/pipeline/fields.hpp"

namespace scanflow::pipeline::test {

struct Place {
  std::string name;  // table.field; [] for what its list holds, .* for names of an open map
  const Field* field;
  /// A pipeline that is valid but perhaps for `value`, which stands at the place.
  std::function<nlohmann::json(const nlohmann::json& value)> document;
};
std::vector<Place> all_places();

struct TablePlace {
  const Table* table;
  std::function<nlohmann::json(const nlohmann::json& map)> document;
};
std::vector<TablePlace> all_tables();

/// The smallest map that the table allows.
nlohmann::json smallest(const Table& table);
/// Some valid value for each kind that the field may have.
std::vector<nlohmann::json> valid_values(const Field& field);

}  // namespace scanflow::pipeline::test
