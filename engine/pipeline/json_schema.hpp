// The JSON Schema by which editors complete and check documents: written from the tables of
// fields.hpp, so that a field is described once.
#pragma once

#include <nlohmann/json.hpp>

#include "sdk/loader/catalog.hpp"

namespace scanflow::pipeline {

/// Draft 07, which yaml-language-server (VS Code, Neovim) and JetBrains' editors know best; fields
/// in the order of their tables. `uses` may name any plugin. Never stricter than the reader; what
/// holds between fields (needs, names in expressions, cycles) is left to `scanflow validate`.
nlohmann::ordered_json json_schema();

/// The same, and `uses` is one of the catalog's step plugins, which says what `with` may hold.
nlohmann::ordered_json json_schema(const loader::Catalog& catalog);

}  // namespace scanflow::pipeline
