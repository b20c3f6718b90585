// The fields of an Application, as fields.hpp has those of the other kinds.
#pragma once

#include "engine/pipeline/fields.hpp"

namespace scanflow::pipeline {

const Table& application_fields();
const Table& application_team_fields();
const Table& application_quota_fields();

}  // namespace scanflow::pipeline
