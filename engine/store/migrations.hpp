// The tables, as SQL: each version from the one before. Private to engine/store.
#pragma once

#include <array>

#include "engine/store/schema.hpp"

namespace scanflow::store {

/// kMigrations[v]: from version v to v + 1. Never edited once released.
extern const std::array<const char*, kSchemaVersion> kMigrations;
extern const char kTrackingTables[];  // of them, for version 7
extern const char kControlTables[];   // and for version 8

}  // namespace scanflow::store
