// Manifests as JSON text. Numbers keep the digits that they were written with.
#pragma once

#include <string>
#include <string_view>

#include "engine/inject/node.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::inject {

/// One value. An error begins with "LINE:COLUMN: "; `line`: of the text's first one.
Result<Node> read_json(std::string_view text, int line = 1);

/// Four blanks a level, as kubectl writes it; ends with a line end.
std::string write_json(const Node& node);

}  // namespace scanflow::inject
