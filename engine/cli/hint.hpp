// Commands that are printed for people to paste: quoted as a shell needs it, and with the options
// that say where the run is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace scanflow::cli {

struct Context;

/// In single quotes where a shell would read something else.
std::string shell_quoted(std::string_view text);

/// " --state DIR", " --server URL", or "": as this command was told where to look.
std::string place_options(const Context& context);

/// "scanflow runs show 0193f2c1-aaaa --state '/my runs'" of {"runs", "show", "0193f2c1-aaaa"}.
std::string hint(const Context& context, const std::vector<std::string>& words);

}  // namespace scanflow::cli
