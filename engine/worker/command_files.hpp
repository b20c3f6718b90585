// What a program hands back through files (the contract for any language):
//   $SCANFLOW_OUTPUT    lines `key=value`, or `key<<END`, lines of text, `END`. A value that is JSON
//                       (number, true, false, null, "text", [..], {..}) keeps its type; anything
//                       else is a string, as are integers of more than 64 bits, and what is nested
//                       deeper than kMaxNesting. The last line for a key counts. At most 1 MiB.
//   $SCANFLOW_METRICS   lines `name value [step=N] [label=value ...]`, read while it runs
//   $SCANFLOW_ARTIFACTS a directory: each file or directory in it is an artifact of that name
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::worker {

inline constexpr std::size_t kMaxOutputBytes = 1u << 20;
/// Levels of an output's value. Whoever writes JSON out does so level by level on its stack.
inline constexpr std::size_t kMaxNesting = 100;

/// The JSON object that the lines say. Errors name the line's number and text. `size`: of the file,
/// of which `text` may be the beginning only, where it is over the limit.
Result<std::string> parse_outputs(std::string_view text, std::uint64_t size = 0);

/// One line; `time_us` and the attempt are the caller's to fill in.
Result<protocol::Metric> parse_metric(std::string_view line);

/// What lies in `directory`, sorted by name. Errors: a name that is not one for an artifact, a
/// symbolic link, a special file.
Result<std::vector<protocol::ArtifactFile>> list_artifacts(const std::string& directory);

}  // namespace scanflow::worker
