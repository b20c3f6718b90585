// Calls of the server that fire rules (plugins/triggers/webhook): who may call.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "sdk/base/result.hpp"

namespace scanflow::control {

struct HookCall {
  std::string path;       // TEAM/NAME
  std::string body;       // as it came
  std::string signature;  // "sha256=" and HMAC-SHA256 of the body (RFC 2104) in hexadecimal digits
  std::string delivery;   // what tells this call from others; empty: nothing does
};
inline constexpr std::size_t kMostHookBody = 64u << 10;  // bytes

std::string hook_event(const std::string& path);  // the type of its events

/// `with`: of a rule's trigger. Its secret, read anew.
Result<std::string> hook_secret(const nlohmann::json& with);
/// In constant time.
bool is_signed(const HookCall& call, const std::string& secret);

}  // namespace scanflow::control
