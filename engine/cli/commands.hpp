// The commands, with their options parsed: each returns the process's exit status. main.cpp
// declares the options, those of the server server_options.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/cli/context.hpp"
#include "engine/runtime/submission.hpp"
#include "engine/store/store.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace scanflow::cli {

struct RunCommand {
  std::string file;                 // or a registered pipeline
  std::string name_space;           // -n
  std::vector<std::string> params;  // name=value
  std::vector<std::string> inputs;  // name=path
  std::string params_file;          // YAML or JSON: a map; `params` go over it
  std::string backend = "local";
  std::uint32_t jobs = 0;  // 0: this machine's CPUs
  bool no_cache = false;
  std::string resume;
  std::string durable = "process";
  bool quiet = false;  // no progress
  bool dry_run = false;
  bool detach = false;  // returns as soon as it goes on in the background
};
int run(const Context& context, const RunCommand& command);
/// Prints what a run would do (runtime/dry_run.hpp).
int show_plan(const Context& context, const api::Answer<nlohmann::json>& plan);
int resume(const Context& context, const std::string& run, bool quiet, bool detach = false);

int validate(const Context& context, const std::vector<std::string>& files,
             const std::string& name_space);
struct GraphCommand {
  std::string file, name_space;
  std::vector<std::string> params;
  std::string format = "text";
};
int graph(const Context& context, const GraphCommand& command);
/// Prints the JSON Schema of pipelines; `plugins`: with what the plugins that are found take.
int schema(const Context& context, bool plugins);

struct ServerCommand {
  std::string listen = "127.0.0.1:8420";
  std::string services = "127.0.0.1:8421";
  std::string services_on = "local";
  std::uint32_t jobs = 0;  // 0: this machine's CPUs
  std::string durable = "process";
  std::string drain;        // "": no; "all", or a duration
  std::string lease;        // NAMESPACE/NAME: of a cluster; empty: none
  std::string patch_allow;  // a file; empty: $SCANFLOW_PATCH_ALLOW, or none
  bool ready = false;       // only ask whether it is
  std::string version;
};
int serve(const Context& context, const ServerCommand& command);
/// Declares the command; chosen, it goes into `command`.
void add_server(CLI::App& app, const Context& context, ServerCommand& options,
                std::function<int()>& command);
/// Registered pipelines with a schedule: the next firing, the last run.
int list_schedules(const Context& context);

struct ListCommand {
  std::size_t limit = 20;
  std::string name_space, pipeline, labels, since;  // since: a duration, "1d"
  std::vector<std::string> statuses;
};
int runs_list(const Context& context, const ListCommand& command);
int runs_show(const Context& context, const std::string& run);
int runs_logs(const Context& context, const std::string& run, const std::string& step);
int runs_events(const Context& context, const std::string& run);
int runs_retry(const Context& context, const std::string& run, const std::string& from, bool quiet);
int runs_watch(const Context& context, const std::string& run, bool quiet);
int runs_wait(const Context& context, const std::vector<std::string>& runs);
int runs_cancel(const Context& context, const std::string& run, bool quiet);
struct ApproveCommand {
  std::string run, step, comment;
  bool reject = false;
};
int runs_delete(const Context& context, const std::vector<std::string>& runs);
/// Forgets cached results; `older_than`: a duration, or "" for all.
int clear_cache(const Context& context, const std::string& older_than);
int runs_approve(const Context& context, const ApproveCommand& command);

/// The map in a file of parameters; "" gives none.
Result<nlohmann::json> read_params_file(const std::string& file);

/// Adds the artifacts of ["data=dir"] to parameters; an error says what is wrong with a path, or
/// that the parameter is given already.
Result<void> add_inputs(const std::vector<std::string>& inputs, nlohmann::json& params);

/// {"epochs": "3"} of ["epochs=3"]; an error names what has no "=".
Result<nlohmann::json> parse_params(const std::vector<std::string>& params);

/// The table of steps and what it means, as at the end of `run` and in `runs show`.
enum class ResultOf { this_run, a_run_shown };
std::string render_result(const Context& context, const nlohmann::json& result, ResultOf what);

}  // namespace scanflow::cli
