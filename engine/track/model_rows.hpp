// Registered models and their versions as rows, and as MLflow's JSON. Private to engine/track.
#pragma once

#include <cstdint>
#include <string>

#include "engine/track/calls.hpp"

namespace scanflow::track {

struct ModelRow {
  std::int64_t key = 0, created_ms = 0, updated_ms = 0;
  std::string name, description;
};

struct VersionRow {
  std::int64_t key = 0, owner = 0, version = 0, created_ms = 0, updated_ms = 0;
  std::string name;  // of its model
  std::string description, user, stage, source, run_id, run_link, status, status_message, model_id;
  // Of one that a step has registered.
  std::string sha256, run, step, metrics, lineage;
};

/// Columns of registered_models AS t, as read_model() reads them.
extern const char* const kModelColumns;
ModelRow read_model(const store::Statement& columns);
/// Of model_versions AS t JOIN registered_models AS m.
extern const char* const kVersionColumns;
extern const char* const kVersionTables;
VersionRow read_version(const store::Statement& columns);

/// Of "name", and "version".
ModelRow model_of(const Session& session, const Fields& request);
VersionRow version_of(const Session& session, const Fields& request);
VersionRow version_of(const Session& session, const ModelRow& model, std::int64_t version);

/// With its latest version of each stage.
json document_of(const Db& db, const ModelRow& model);
/// MLflow knows nothing of "scanflow", which says what the step has registered.
json document_of(const Db& db, const VersionRow& version);
/// Of these stages, or of all: the latest of each.
json latest_versions(const Db& db, std::int64_t model, const std::vector<std::string>& stages);

/// It has changed: now.
void touch_model(const Session& session, std::int64_t key);

/// "Production", however it is written; refused where it is no stage.
std::string stage_of(const Fields& request, const char* name, const std::string& stage);

}  // namespace scanflow::track
