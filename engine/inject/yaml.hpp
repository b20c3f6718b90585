// Manifests as text: YAML by yaml-cpp's events, and back.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "engine/inject/node.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::inject {

/// What aliases stand for is written out: so there are bounds.
struct YamlLimits {
  std::size_t depth = 100;
  std::size_t nodes = 5'000'000;
  std::size_t alias_nodes = 200'000;
};

/// One document; a null where there is nothing but comments. Anchors and merge keys (`<<`) are
/// written out. An error begins with "LINE:COLUMN: "; `line`: of the text's first one.
Result<Node> read_yaml(std::string_view text, int line = 1, const YamlLimits& limits = {});

/// In block style; ends with a line end.
std::string write_yaml(const Node& node);

}  // namespace scanflow::inject
