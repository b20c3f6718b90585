// Options of the command line for the settings of the injected sidecar, made of their table.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "engine/inject/settings.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace scanflow::cli {

/// What is given goes into `values`, by the setting's name; what is not allowed is refused there.
void add_settings(CLI::App& app, std::map<std::string, std::string>& values);

/// The defaults, and over them what was given. `version`: of Scanflow.
Result<inject::Settings> settings_of(const std::map<std::string, std::string>& values,
                                     std::string_view version);

}  // namespace scanflow::cli
