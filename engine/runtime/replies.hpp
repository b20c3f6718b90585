// How whoever asked is told that it is done, or why not. Private to engine/runtime.
#pragma once

#include <string>

#include "engine/runtime/submission.hpp"

namespace scanflow::runtime {

// Why something is not done, for those who answer by a status.
inline constexpr const char* kNotFound = "not_found";
inline constexpr const char* kForbidden = "forbidden";
inline constexpr const char* kConflict = "conflict";
inline constexpr const char* kUnavailable = "unavailable";
/// Without a reason: what was asked is wrong in itself.
void reject(const Client& client, const std::string& message, const char* reason = "wrong",
            int exit = 2);
/// What is said where something was thrown that nobody throws on purpose.
std::string bug(const std::string& what);
/// `answer`: an object.
void tell_done(const Client& client, json answer = json::object());

}  // namespace scanflow::runtime
