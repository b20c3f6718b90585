// How a secret's value may look where it surfaces: pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace scanflow::worker {

/// The texts to look for: the value, and of one with several lines each line too; its base64
/// (standard and URL-safe, wherever in what was encoded it stood, padded or not, on one line or
/// wrapped at 64 or 76) and hexadecimal; as it stands in JSON and in a URL. None of them is shorter than
/// Patterns::kMinBytes. Empty: the value is too short to be told from any other text.
std::vector<std::string> forms_of(std::string_view value);

}  // namespace scanflow::worker
