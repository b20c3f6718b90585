// What a step lets one do to it while it runs, as a plugin (step.commands/1) or a program says it:
//   [{"name": "set_param", "summary": "...", "schema": {...}}, ...]
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::loader {

using nlohmann::json;

inline constexpr std::size_t kMaxCommands = 64;
inline constexpr std::size_t kMaxCommandText = std::size_t{64} << 10;  // bytes: a list, arguments
inline constexpr int kMaxCommandDepth = 16;                            // levels of either

/// Parses JSON of a bounded size and depth. Errors say what is wrong with it, not whose it is.
Result<json> parse_bounded(std::string_view text);

/// The list as it was said, checked, each with a summary ("" where it had none) and a schema of its
/// arguments ({"type": "object"} where it had none). Errors name the command.
Result<json> read_commands(const json& list);
Result<json> parse_commands(std::string_view text);

/// Of a list that was read: the one of that name; null where there is none.
const json* find_command(const json& commands, std::string_view name);
std::vector<std::string> command_names(const json& commands);

/// The arguments for it, checked, with defaults filled in. Errors are for who gave them.
Result<json> read_arguments(const json& command, std::string_view text);

/// What became of a command.
struct CommandAnswer {
  std::string outcome;       // "DONE", "FAILED", "UNSUPPORTED"
  std::string value = "{}";  // a JSON object; unless DONE with "message"
};
CommandAnswer command_failed(std::string_view why);
/// Names what there is, in "offers" too.
CommandAnswer command_unsupported(std::string_view name, const json& commands);

}  // namespace scanflow::loader
