// Models as clients of MLflow 3 log them, as rows. Private to engine/track.
#pragma once

#include <cstdint>
#include <string>

#include "engine/track/run_rows.hpp"

namespace scanflow::track {

struct LoggedModel {
  std::int64_t key = 0, experiment = 0, created_ms = 0, updated_ms = 0;
  std::string id, name, type, status, source_run, artifact_uri;
};

/// One that is there, and not deleted.
LoggedModel logged_model_of(const Session& session, const std::string& id);
/// A metric of a run's that is said to be of a model: "model_id", and perhaps of a dataset.
void put_model_metric(const Session& session, const RunRow& run, const Fields& metric);
/// "models" of inputs or outputs: [{"model_id", "step"}].
void put_run_models(const Session& session, const RunRow& run, const Fields& request, bool made);
/// [{"model_id", "step"}]
json run_models(const Db& db, std::int64_t run, bool made);

}  // namespace scanflow::track
