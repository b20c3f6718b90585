// scanflow top: what runs now, and how it fares, on a terminal.
#pragma once

#include <functional>
#include <string>

#include "engine/cli/context.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace scanflow::cli {

struct TopOptions {
  std::string every = "1s";
  bool once = false;  // a table, as also where there is no terminal; -o json: the document
};
/// Until q, a signal, or the end of the engine.
int top(const Context& context, const TopOptions& options);

/// Declares the command; chosen, it goes into `command`.
void add_top(CLI::App& app, const Context& context, TopOptions& options,
             std::function<int()>& command);

}  // namespace scanflow::cli
