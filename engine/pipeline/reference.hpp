// How a registered document is named: [NAMESPACE/]NAME[@VERSION]. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sdk/base/result.hpp"

namespace scanflow::pipeline {

struct Reference {
  std::string name_space;  // empty: not said
  std::string name;
  std::optional<std::uint32_t> version;  // nothing: the newest
};

/// An error says what is wrong with the text.
Result<Reference> parse_reference(std::string_view text);

/// "mnist/train@3"; without what is not said.
std::string to_text(const Reference& reference);

/// Does the text name a file, whatever is there? By its end: .yaml, .yml, .json.
bool names_file(std::string_view text);

}  // namespace scanflow::pipeline
