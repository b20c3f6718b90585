// Where each document of a text begins and ends. Private to engine/pipeline.
#pragma once

#include <string_view>
#include <vector>

namespace scanflow::pipeline {

struct TextPart {
  int line = 1;  // its first one, in the whole text
  std::string_view text;
};

/// Cut at lines that begin with `---` or `...`: YAML allows these nowhere else, not even within a
/// block of text. Comments and directives before a document's `---` belong to it; blank lines and
/// the `---` itself do not.
std::vector<TextPart> split_documents(std::string_view text);

}  // namespace scanflow::pipeline
