// `scanflow primitive`: its options, and how they reach primitive_commands.hpp.
#include <CLI/CLI.hpp>

#include "engine/cli/primitive_commands.hpp"

namespace scanflow::cli {

void add_primitive(CLI::App& app, const Context& context, PrimitiveOptions& options,
                   std::function<int()>& command) {
  constexpr const char* kRun = "Its id, the beginning of it, or 'last'";
  CLI::App* primitive =
      app.add_subcommand("primitive", "Act on a step while it runs: pause, checkpoint, ...");
  primitive->require_subcommand(1);
  CLI::App* list = primitive->add_subcommand(
      "list", "What can be asked of a step; of one that runs, what it offers");
  list->add_option("RUN", options.run, kRun);
  list->add_option("STEP", options.step, "A step that runs; of a called run CALL/STEP");
  list->callback([&] { command = [&] { return primitive_list(context, options); }; });
  CLI::App* send = primitive->add_subcommand(
      "send", "Ask it of a step, and wait for the outcome; succeeds only where it is DONE");
  send->add_option("RUN", options.run, kRun)->required();
  send->add_option("STEP", options.step, "A step that runs; of a called run CALL/STEP")->required();
  send->add_option("PRIMITIVE", options.primitive, "Which: 'scanflow primitive list' shows them")
      ->required();
  send->add_option("--for", options.duration, "How long at most: 30s (pause, throttle)")
      ->type_name("TIME");
  send->add_option("-a,--arg", options.arguments, "An argument; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  send->add_option("--deadline", options.deadline,
                   "It has an outcome by then, or is EXPIRED (default: the primitive's own)")
      ->type_name("TIME");
  send->callback([&] { command = [&] { return primitive_send(context, options); }; });
}

}  // namespace scanflow::cli
