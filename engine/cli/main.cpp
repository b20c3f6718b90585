// The command line: declares commands and options, and hands over to commands.hpp.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "engine/backend/names.hpp"
#include "engine/cli/admin_command.hpp"
#include "engine/cli/agent_command.hpp"
#include "engine/cli/application_command.hpp"
#include "engine/cli/commands.hpp"
#include "engine/cli/completion.hpp"
#include "engine/cli/hub_command.hpp"
#include "engine/cli/inject_commands.hpp"
#include "engine/cli/install_command.hpp"
#include "engine/cli/kube_command.hpp"
#include "engine/cli/load_command.hpp"
#include "engine/cli/model_command.hpp"
#include "engine/cli/plugin_commands.hpp"
#include "engine/cli/podman_command.hpp"
#include "engine/cli/primitive_commands.hpp"
#include "engine/cli/registry_commands.hpp"
#include "engine/cli/serve_command.hpp"
#include "engine/cli/service_command.hpp"
#include "engine/cli/top_command.hpp"
#include "engine/cli/webhook_command.hpp"
#include "sdk/base/nearest.hpp"

#ifndef SCANFLOW_VERSION
#define SCANFLOW_VERSION "unknown"
#endif

namespace scanflow::cli {
namespace {

/// What the options of every command fill in, and the command that was chosen.
struct Choice {
  Context context = make_context();
  std::string format = "text";
  std::function<int()> command;
};

void add_common(CLI::App& app, Choice& choice) {
  app.add_option("--state", choice.context.state,
                 "State directory (default: $SCANFLOW_STATE, else $XDG_STATE_HOME/scanflow)")
      ->type_name("DIR");
  app.add_option("--plugin-dir", choice.context.plugin_dirs,
                 "Look for plugins here first; may be repeated")
      ->type_name("DIR")
      ->allow_extra_args(false);
  app.add_option("--server", choice.context.server,
                 "Ask the server at this URL instead; it has its own runs and documents")
      ->type_name("URL")
      ->envname("SCANFLOW_SERVER");
  app.add_option("--server-timeout", choice.context.server_timeout,
                 "How long it may be silent before it is given up (default: 60s)")
      ->type_name("TIME")
      ->envname("SCANFLOW_SERVER_TIMEOUT");
  app.add_option(
         "-o,--output", choice.format,
         "text, or json: then the last thing on stdout is one JSON document; of get also yaml")
      ->check(CLI::IsMember({"text", "json", "yaml"}));
}

void add_run(CLI::App& app, Choice& choice, RunCommand& options) {
  CLI::App* app_run = app.add_subcommand("run", "Run a pipeline");
  app_run->add_option("FILE|NAME", options.file,
                      "The pipeline's YAML file (- reads stdin), or where there is no such file a "
                      "registered one: [NAMESPACE/]NAME[@VERSION]");
  add_namespace(*app_run, options.name_space,
                "Where a name is looked up; of a file that says none (default: default); and whose "
                "rights hold, where it is a team's of an application");
  app_run->add_option("-p,--param", options.params, "A parameter; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  app_run
      ->add_option("--input", options.inputs,
                   "A file or directory for a parameter of type artifact; may be repeated")
      ->type_name("NAME=PATH")
      ->allow_extra_args(false);
  app_run
      ->add_option("--params-file", options.params_file,
                   "Parameters from a YAML or JSON map; -p goes over it; - reads stdin")
      ->type_name("FILE");
  app_run->add_option("--backend", options.backend, "Where steps run")
      ->check(CLI::IsMember(backend::names()));
  add_cluster_options(*app_run);
  app_run
      ->add_option("-j,--jobs", options.jobs,
                   "Attempts at once (default: this machine's CPUs; in a cluster 100)")
      ->check(CLI::Range(1, 4096));
  app_run->add_flag("-q,--quiet", options.quiet, "No progress, only how it ended");
  app_run->add_flag("--no-cache", options.no_cache, "Run every step, whatever the cache has");
  app_run->add_flag(
      "--dry-run", options.dry_run,
      "Show what would run, and what the cache would give; nothing is run or written");
  app_run
      ->add_flag("-d,--detach", options.detach,
                 "Print the run's id as soon as it has begun; it goes on in the background")
      ->excludes("--dry-run");
  app_run->add_option("--resume", options.resume, "Go on with an interrupted run instead")
      ->type_name("RUN")
      ->excludes("--dry-run");
  app_run
      ->add_option("--durable", options.durable,
                   "What a finished step survives: the engine's death, or power loss too")
      ->check(CLI::IsMember({"process", "power"}));
  app_run->callback([&choice, &options] {
    choice.command = [&choice, &options] {
      if (options.file.empty() && options.resume.empty()) {
        return complain(choice.context, kUsage, "run: which pipeline? (scanflow run FILE or NAME)");
      }
      return run(choice.context, options);
    };
  });
}

struct RunsOptions {
  std::string run, step;
  std::vector<std::string> runs;
  ApproveCommand approve;
  ListCommand list;
  std::string from;
  bool quiet = false;
};

void add_runs(CLI::App& app, Choice& choice, RunsOptions& options) {
  CLI::App* runs = app.add_subcommand("runs", "Look at runs, and go on with them");
  runs->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, bool required, auto command) {
    CLI::App* each = runs->add_subcommand(name, help);
    if (required)
      each->add_option("RUN", options.run, "Its id, the beginning of it, or 'last'")->required();
    each->callback([&choice, command] { choice.command = command; });
    return each;
  };
  CLI::App* list = add("list", "The newest runs", false,
                       [&] { return runs_list(choice.context, options.list); });
  list->add_option("--limit", options.list.limit, "How many")->check(CLI::Range(1, 1'000'000));
  add_namespace(*list, options.list.name_space, "Of this namespace");
  list->add_option("--pipeline", options.list.pipeline, "Of this pipeline");
  list->add_option("-l,--label", options.list.labels, "Whose labels match: team=a,tier!=test");
  list->add_option(
          "--status", options.list.statuses,
          "In this state; may be repeated; interrupted: it is not over, and nobody goes on "
          "with it")
      ->check(
          CLI::IsMember({"queued", "running", "interrupted", "succeeded", "failed", "cancelled"}))
      ->allow_extra_args(false);
  list->add_option("--since", options.list.since, "Begun within this time: 12h, 1d");
  add("show", "What became of a run and its steps", true,
      [&] { return runs_show(choice.context, options.run); });
  CLI::App* logs = add("logs", "What its steps printed", true,
                       [&] { return runs_logs(choice.context, options.run, options.step); });
  logs->add_option("STEP", options.step, "Of this step only");
  add("events", "Everything that happened, in order", true,
      [&] { return runs_events(choice.context, options.run); });
  CLI::App* again =
      add("resume", "Go on with an interrupted run; attempts that still run are found again", true,
          [&] { return resume(choice.context, options.run, options.quiet); });
  const auto quiet = [&](CLI::App* each) {
    each->add_flag("-q,--quiet", options.quiet, "No progress, only how it ended");
  };
  quiet(again);
  CLI::App* retry =
      add("retry", "A new run of the same: what succeeded is used again, the rest runs", true,
          [&] { return runs_retry(choice.context, options.run, options.from, options.quiet); });
  retry->add_option("--from", options.from, "Run this step again too, and what depends on it")
      ->type_name("STEP");
  quiet(retry);
  quiet(add("watch", "Look on until it ends; Ctrl-C leaves it alone", true,
            [&] { return runs_watch(choice.context, options.run, options.quiet); }));
  quiet(add("cancel", "Stop a run: SIGTERM, grace, SIGKILL; handlers still run", true,
            [&] { return runs_cancel(choice.context, options.run, options.quiet); }));
  add("wait", "Wait until runs have ended; exits as the worst of them", false,
      [&] { return runs_wait(choice.context, options.runs); })
      ->add_option("RUN", options.runs, "Ids, the beginnings of them, or 'last'")
      ->required();
  add("delete", "Remove runs that are over: events, logs, artifacts that nothing else needs", false,
      [&] { return runs_delete(choice.context, options.runs); })
      ->add_option("RUN", options.runs, "Ids, the beginnings of them, or 'last'")
      ->required();
  CLI::App* approve = add("approve", "Answer a step that waits for a person", false,
                          [&] { return runs_approve(choice.context, options.approve); });
  approve->add_option("RUN", options.approve.run, "Its id, the beginning of it, or 'last'")
      ->required();
  approve->add_option("STEP", options.approve.step, "The step that waits")->required();
  approve->add_flag("--reject", options.approve.reject, "Say no: the step fails");
  approve->add_option("-m,--message", options.approve.comment, "Why; recorded with the answer");
}

void add_cache(CLI::App& app, Choice& choice, std::string& older_than) {
  CLI::App* cache = app.add_subcommand("cache", "What steps with `cache` gave before");
  cache->require_subcommand(1);
  CLI::App* clear = cache->add_subcommand(
      "clear", "Forget results, so that steps run again, and free the room of their artifacts");
  clear->add_option("--older-than", older_than, "Only those older than this: 30d")
      ->type_name("AGE");
  clear->callback(
      [&] { choice.command = [&] { return clear_cache(choice.context, older_than); }; });
}

struct CheckOptions {
  std::vector<std::string> files;
  std::string name_space;
  bool plugins = false;
  GraphCommand graph;
};

void add_checks(CLI::App& app, Choice& choice, CheckOptions& options) {
  CLI::App* validate_app =
      app.add_subcommand("validate", "Check pipelines; nothing is run, no plugin is loaded");
  constexpr const char* kNamespace = "Where names are looked up; of files that say none";
  validate_app
      ->add_option("FILE|NAME", options.files, "YAML files, or registered pipelines; - reads stdin")
      ->required();
  add_namespace(*validate_app, options.name_space, kNamespace);
  validate_app->callback([&] {
    choice.command = [&] { return validate(choice.context, options.files, options.name_space); };
  });
  CLI::App* graph_app = app.add_subcommand("graph", "Draw a pipeline");
  graph_app
      ->add_option("FILE|NAME", options.graph.file,
                   "The pipeline's YAML file, or a registered pipeline; - reads stdin")
      ->required();
  add_namespace(*graph_app, options.graph.name_space, kNamespace);
  graph_app->add_option("-p,--param", options.graph.params, "A parameter; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  graph_app->add_option("--format", options.graph.format, "svg needs Graphviz")
      ->check(CLI::IsMember({"text", "dot", "mermaid", "svg"}));
  graph_app->callback(
      [&] { choice.command = [&] { return graph(choice.context, options.graph); }; });
  app.add_subcommand("schedules", "Registered pipelines that run by themselves: when next")
      ->callback([&] { choice.command = [&] { return list_schedules(choice.context); }; });
  CLI::App* schema_app = app.add_subcommand(
      "schema", "Print the JSON Schema by which editors complete and check pipelines");
  schema_app->add_flag("--plugins", options.plugins,
                       "With the plugins that are found, and what they take");
  schema_app->callback(
      [&] { choice.command = [&] { return schema(choice.context, options.plugins); }; });
}

void add_completion(CLI::App& app, Choice& choice, std::string& shell) {
  CLI::App* completion = app.add_subcommand(
      "completion", "Print what completes commands: source <(scanflow completion bash)");
  completion->add_option("SHELL", shell, "Which")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh"}));
  completion->callback([&] {
    choice.command = [&] {
      fmt::print("{}", completion_script(shell));
      return kSucceeded;
    };
  });
}

/// "unknown command 'lst'; did you mean 'list'?", or "" where the commands are not what is wrong.
std::string unknown_command(const CLI::App& app, int argc, char** argv) {
  const CLI::App* level = &app;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--state" || word == "--plugin-dir" || word == "--server" ||
        word == "--server-timeout" || word == "-o" || word == "--output")
      ++i;
    if (word.starts_with("-")) continue;
    std::vector<std::string> names;
    const CLI::App* next = nullptr;
    for (const CLI::App* each : level->get_subcommands({})) {
      names.push_back(each->get_name());
      if (each->get_name() == word) next = each;
    }
    if (next == nullptr && names.empty()) return {};
    if (next == nullptr) {
      const std::string meant = nearest(word, names);
      return fmt::format("unknown command '{}'{}", word,
                         meant.empty() ? fmt::format("; there are: {}", fmt::join(names, ", "))
                                       : fmt::format("; did you mean '{}'?", meant));
    }
    level = next;
  }
  return {};
}

/// Before the command line is parsed: it may be what is wrong.
bool wants_json(int argc, char** argv) {
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") break;
    if ((word == "-o" || word == "--output") && i + 1 < argc) {
      json = std::string_view(argv[++i]) == "json";
    } else if (word.starts_with("-o") || word.starts_with("--output=")) {
      json = word == "-ojson" || word == "-o=json" || word == "--output=json";
    }
  }
  return json;
}

/// What --help and --version print.
int tell_about(const CLI::App& app, const CLI::ParseError& asked, bool json) {
  if (!json || dynamic_cast<const CLI::CallForVersion*>(&asked) == nullptr) return app.exit(asked);
  fmt::print("{}\n", nlohmann::json{{"version", SCANFLOW_VERSION}}.dump());
  return kSucceeded;
}

int main(int argc, char** argv) {
  CLI::App app("Scanflow: ML workflows that look after themselves", "scanflow");
  app.set_version_flag("--version", SCANFLOW_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.set_help_all_flag("--help-all", "Help of all commands");
  app.footer(
      "Exit status: 0 succeeded, 1 the run failed (or what was asked of a step was not done), 2 "
      "wrong usage or an invalid file, 3 the engine "
      "could not do "
      "its work, 130 cancelled.");
  Choice choice;
  RunCommand run_options;
  RunsOptions runs_options;
  std::string cache_age;
  CheckOptions check_options;
  RegistryOptions registry_options;
  PluginOptions plugin_options;
  PrimitiveOptions primitive_options;
  HistoryOptions history_options;
  TopOptions top_options;
  PodmanOptions podman_options;
  KubeOptions kube_options;
  HubOptions hub_options;
  LoadOptions load_options;
  ModelOptions model_options;
  AdminOptions admin_options;
  ServeOptions serve_options;
  ServiceOptions service_options;
  AgentOptions agent_options;
  ApplicationOptions application_options;
  std::string shell;
  ServerCommand server_options;
  InjectOptions inject_options;
  WebhookOptions webhook_options;
  InstallOptions install_options;
  server_options.version = inject_options.version = webhook_options.version =
      install_options.version = SCANFLOW_VERSION;
  add_common(app, choice);
  add_run(app, choice, run_options);
  add_checks(app, choice, check_options);
  add_runs(app, choice, runs_options);
  add_primitive(app, choice.context, primitive_options, history_options, choice.command);
  add_top(app, choice.context, top_options, choice.command);
  add_podman(app, choice.context, podman_options, choice.command);
  add_kube(app, choice.context, kube_options, choice.command);
  add_hub(app, choice.context, hub_options, choice.command);
  add_load(app, choice.context, load_options, choice.command);
  add_model(app, choice.context, model_options, choice.command);
  add_admin(app, choice.context, admin_options, choice.command);
  add_serve(app, choice.context, serve_options, choice.command);
  add_service(app, choice.context, service_options, choice.command);
  add_agent(app, choice.context, agent_options, choice.command);
  add_application(app, choice.context, application_options, choice.command);
  add_cache(app, choice, cache_age);
  add_registry(app, choice.context, choice.format, registry_options, choice.command);
  add_server(app, choice.context, server_options, choice.command);
  add_inject(app, choice.context, inject_options, choice.command);
  add_install(app, choice.context, install_options, choice.command);
  add_webhook(app, choice.context, webhook_options, choice.command);
  add_plugin(app, choice.context, plugin_options, choice.command);
  add_completion(app, choice, shell);
  if (argc > 1 && std::string_view(argv[1]) == "__complete") {
    if (const char* server = std::getenv("SCANFLOW_SERVER")) choice.context.server = server;
    return print_candidates(choice.context, app, {argv + 2, argv + argc});
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    choice.context.json = wants_json(argc, argv);
    if (error.get_exit_code() == 0) return tell_about(app, error, choice.context.json);
    const std::string unknown = unknown_command(app, argc, argv);
    return complain(choice.context, kUsage,
                    (unknown.empty() ? std::string(error.what()) : unknown) +
                        "\n'scanflow --help' shows how it is used");
  }
  choice.context.json = choice.format == "json";
  if (choice.format == "yaml" && !app.got_subcommand("get"))
    return complain(choice.context, kUsage, "-o yaml is of 'scanflow get' only");
  const int code = choice.command();
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    fmt::print(stderr, "error: cannot write to stdout: {}\n",
               std::generic_category().message(errno));
    return code == kSucceeded ? kEngine : code;
  }
  return code;
}

}  // namespace
}  // namespace scanflow::cli

int main(int argc, char** argv) {
  scanflow::cli::Context context;
  context.json = scanflow::cli::wants_json(argc, argv);
  try {
    return scanflow::cli::main(argc, argv);
  } catch (const std::bad_alloc&) {
    return complain(context, scanflow::cli::kEngine,
                    "out of memory: what is asked for does not fit into this process");
  } catch (const std::exception& error) {
    const std::string_view what = error.what();
    const bool full =
        what.starts_with("cannot write to file");  // fmt::print, of a disk that is full
    return complain(context, scanflow::cli::kEngine,
                    full
                        ? fmt::format("cannot write to stdout: {}", what.substr(what.find(':') + 2))
                        : fmt::format("{} (this is a bug in scanflow)", what));
  }
}
