// Completion in shells: a script asks `scanflow __complete WORDS...` at each press of Tab, and gets
// a candidate a line; none: the shell completes file names.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/cli/context.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace scanflow::cli {

/// What is to be completed.
struct Wanted {
  std::string command;              // "approve"
  std::string name;                 // of a positional ("RUN", "STEP"), or an option ("--from")
  std::vector<std::string> before;  // the positionals that were given before
};
/// The values that may stand there. One that ends with "=" goes on: no blank follows it.
using ValuesOf = std::function<std::vector<std::string>(const Wanted& wanted)>;

/// What may stand where the last of `words` stands (they follow the program's name; the last may be
/// empty): commands, options, or the values of an option, all that begin so.
std::vector<std::string> complete(const CLI::App& app, const std::vector<std::string>& words,
                                  const ValuesOf& values);

/// The same on stdout, a line each; runs, steps and documents are those of the state directory, or of
/// the server.
int print_candidates(Context context, const CLI::App& app, const std::vector<std::string>& words);

/// The script for "bash" or "zsh"; to be sourced.
std::string completion_script(const std::string& shell);

}  // namespace scanflow::cli
