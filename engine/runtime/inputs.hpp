// Files and directories of users, as artifacts that a run begins with (`--input`). Whoever submits
// the run names them; the engine, which may be another process, copies them into its store.
#pragma once

#include <string>

#include "engine/runtime/submission.hpp"
#include "engine/store/artifacts.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::runtime {

/// What stands for it among a submission's params until the engine has it: an artifact without a
/// digest. The error says what is wrong with the path, as `--input` had it.
Result<json> input_param(const std::string& name, const std::string& path);

/// Does the value of a parameter stand for a file that is still to be taken?
bool is_input(const json& value);

/// As steps see an artifact.
json artifact_document(const std::string& name, const store::Artifact& artifact);

/// Takes those that are named among the parameters into the store, in their place. Copies; not for
/// the strand. Gives how many.
Result<std::size_t> take_inputs(const pipeline::Pipeline& pipeline, json& params,
                                store::Artifacts& artifacts);

}  // namespace scanflow::runtime
