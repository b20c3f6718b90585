// What is said of runs. Private to engine/track.
#pragma once

#include <string>

#include "engine/track/run_rows.hpp"

namespace scanflow::track {

/// The tag that is the name of a run, too.
inline constexpr const char* kRunNameTag = "mlflow.runName";

void put_tag(const Session& session, const RunRow& run, const std::string& name,
             const std::string& value);

}  // namespace scanflow::track
