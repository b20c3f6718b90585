// The nearest right name for a misspelt one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace scanflow {

/// The candidate with the least edit distance (Levenshtein, with transpositions), or "" where none
/// is near enough to be meant (more than a third of the name differs, at least 1, at most 3 edits).
std::string nearest(std::string_view name, std::span<const std::string> candidates);

}  // namespace scanflow
