// A text of several documents, taken apart and put together again. What is not changed is written as
// it was, comments and all.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/inject/node.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::inject {

enum class Format : std::uint8_t { nothing, yaml, json };

struct Document {
  std::string_view text;  // with its "---" line, if it has one; of the text that was taken apart
  int line = 1;           // of its first line
  Format format = Format::yaml;
};

/// At lines that begin with "---" or end with "..."; JSON also between one value and the next. A
/// document of blanks and comments alone is `nothing`. All text is in one of them.
std::vector<Document> split(std::string_view text);

/// The tree of one; an error begins with "LINE:COLUMN: ".
Result<Node> parse(const Document& document);
/// In the document's own format, and with a "---" line where it had one.
std::string write(const Document& document, const Node& node);

}  // namespace scanflow::inject
