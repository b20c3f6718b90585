// `scanflow top`: its options, and how they reach top_command.hpp.
#include <CLI/CLI.hpp>

#include "engine/cli/top_command.hpp"

namespace scanflow::cli {

void add_top(CLI::App& app, const Context& context, TopOptions& options,
             std::function<int()>& command) {
  CLI::App* top =
      app.add_subcommand("top", "Watch the steps that run: CPU, memory, metrics; pause them, ...");
  top->add_option("--every", options.every, "How often it is looked again (default: 1s)")
      ->type_name("TIME");
  top->add_flag("--once", options.once, "Print a table and leave; so it does into a pipe, too");
  top->footer(
      "Keys: j k and arrows select a step; p pauses it, r resumes it, s lets it write a "
      "checkpoint, "
      "x cancels its run after a question; c m t n order by CPU, memory, time, name; q leaves. "
      "-o json prints one document.");
  top->callback([&] { command = [&] { return cli::top(context, options); }; });
}

}  // namespace scanflow::cli
