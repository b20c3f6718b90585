// What the entries of the store of artifacts are called, and digests in texts. Private to engine/store.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::store {

/// Of a tree that was taken out of its place, until all of it is removed.
inline constexpr std::string_view kGone = ".gone";
/// Of an object that is executable.
inline constexpr std::string_view kExecutable = ".x";

/// The names in a directory; none where there is no such directory.
Result<std::vector<std::string>> names_in(const std::filesystem::path& directory);
/// Everything of a kind, as "ab/cdef...".
Result<std::vector<std::string>> entries_of(const std::filesystem::path& kind);
/// Of an entry, without the end of its name; empty: it is none of ours.
std::string digest_of(std::string entry, std::string_view end);
/// Whatever has exactly 64 hexadecimal digits: no reference can hide in a document's shape, and what
/// is taken for one too many is only kept longer.
void add_digests(std::string_view text, std::unordered_set<std::string>& digests);

}  // namespace scanflow::store
