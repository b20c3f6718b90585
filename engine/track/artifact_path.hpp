// Which paths clients may give to files: pure.
#pragma once

#include <string_view>

#include "engine/track/answer.hpp"

namespace scanflow::track {

constexpr std::size_t kMostPath = 500;  // bytes

/// "a/b/c": relative, of names that mean the same to every client, however often it decodes them. A problem says which
/// one does not.
Answer<void> check_artifact_path(std::string_view path);

}  // namespace scanflow::track
