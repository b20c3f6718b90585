// scanflow run, scanflow runs resume
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "engine/api/not_retried.hpp"
#include "engine/api/planned.hpp"
#include "engine/backend/names.hpp"
#include "engine/cli/commands.hpp"
#include "engine/cli/detach.hpp"
#include "engine/cli/follow.hpp"
#include "engine/cli/hint.hpp"
#include "engine/cli/progress.hpp"
#include "engine/cli/registry.hpp"
#include "engine/pipeline/difference.hpp"
#include "engine/pipeline/reader.hpp"
#include "engine/runtime/inputs.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {
namespace {

/// How long each step took when the pipeline last succeeded.
std::map<std::string, double> history_of(const runtime::StateDirectory& state,
                                         const pipeline::Pipeline& pipeline) {
  std::map<std::string, double> seconds;
  const auto store = store::Store::open_read_only(state.root);
  if (!store) return seconds;
  const auto runs = (*store)->runs({.name_space = pipeline.name_space,
                                    .pipeline = pipeline.name,
                                    .statuses = {"succeeded"},
                                    .limit = 50});
  if (!runs) return seconds;
  for (const store::RunRow& run : *runs) {
    if (run.steps > 1000) continue;
    const auto steps = (*store)->steps(run.id);
    if (!steps) return seconds;
    for (const store::StepRow& step : *steps) {
      if (step.status == "succeeded") {
        seconds.emplace(step.id, static_cast<double>(step.ended_us - step.started_us) / 1e6);
      }
    }
    return seconds;
  }
  return seconds;
}

}  // namespace

ProgressPrinter::Style style_of(const Context& context, bool quiet) {
  if (context.json || quiet) return ProgressPrinter::Style::silent;
  return ::isatty(STDOUT_FILENO) != 0 ? ProgressPrinter::Style::live
                                      : ProgressPrinter::Style::lines;
}

int report(const Context& context, const Outcome& outcome) {
  if (outcome.result.is_null()) {
    return complain(context, static_cast<Exit>(outcome.exit), outcome.message);
  }
  if (context.json) {
    fmt::print("{}\n", outcome.result.dump());
  } else {
    fmt::print("{}", render_result(context, outcome.result, ResultOf::this_run));
  }
  return outcome.exit;
}

Result<nlohmann::json> parse_params(const std::vector<std::string>& params) {
  json given = json::object();
  for (const std::string& param : params) {
    const std::size_t equals = param.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(fmt::format("-p {}: a parameter is given as name=value", param));
    }
    given[param.substr(0, equals)] = param.substr(equals + 1);
  }
  return given;
}

Result<nlohmann::json> read_params_file(const std::string& file) {
  if (file.empty()) return json::object();
  const auto text = read_pipeline_file(file);
  if (!text) return tl::unexpected(text.error());
  auto params = pipeline::read_yaml_value(text->name, text->text);
  if (!params) return params;
  if (!params->is_object()) {
    return fail(fmt::format("{}: a file of parameters holds a map (epochs: 3), not {}", file,
                            params->type_name()));
  }
  return params;
}

Result<void> add_inputs(const std::vector<std::string>& inputs, nlohmann::json& params) {
  for (const std::string& input : inputs) {
    const std::size_t equals = input.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == input.size()) {
      return fail(fmt::format("--input {}: a file or directory is given as name=PATH", input));
    }
    const std::string name = input.substr(0, equals);
    if (params.contains(name))
      return fail(fmt::format("--input {}: the parameter '{}' is given twice", input, name));
    auto value = runtime::input_param(name, input.substr(equals + 1));
    if (!value) return tl::unexpected(value.error());
    params[name] = std::move(*value);
  }
  return {};
}

namespace {

/// Submission's params.
Result<json> params_of(const RunCommand& command) {
  auto params = read_params_file(command.params_file);
  if (!params) return params;
  const auto given = parse_params(command.params);
  if (!given) return tl::unexpected(given.error());
  params->update(*given);
  if (auto added = add_inputs(command.inputs, *params); !added)
    return tl::unexpected(added.error());
  return params;
}

/// What the command asks for.
api::Answer<runtime::Submission> make_submission(const Context& context, const RunCommand& command,
                                                 const loader::Catalog& catalog) {
  const auto registry = open_registry(context);
  auto submission = find_pipeline(command.file, command.name_space, registry);
  if (!submission) return submission;
  auto params = params_of(command);
  if (!params) return api::wrong(params.error().message);
  submission->run = uuid_v7(wall_us() / 1000);
  submission->caller_namespace = command.name_space;
  submission->params = std::move(*params);
  runtime::RunOptions& options = submission->options;
  options.backend = command.backend;
  const std::uint32_t here = std::max(1u, std::thread::hardware_concurrency());
  options.jobs = command.jobs > 0 ? command.jobs : backend::default_jobs(command.backend, here);
  options.use_cache = !command.no_cache;
  options.directory = std::filesystem::current_path().string();
  options.plugin_dirs = context.plugin_dirs;
  const auto collected = runtime::collect_sources(*submission, catalog, find_in(registry));
  if (!collected) return api::wrong(collected.error().message);
  options.env = runtime::referenced_environment(*submission);
  return submission;
}

/// The same for a server, as POST /api/v1/runs takes it: which plugins there are, what is called by
/// name, and what is not said here, is for the server to say.
api::Answer<json> make_request(const Context& context, const RunCommand& command) {
  const auto registry = open_registry(context);
  auto found = find_pipeline(command.file, command.name_space, registry);
  if (!found) return tl::unexpected(found.error());
  const auto params = params_of(command);
  if (!params) return api::wrong(params.error().message);
  json options = {{"backend", command.backend},
                  {"use_cache", !command.no_cache},
                  {"directory", std::filesystem::current_path().string()}};
  if (command.jobs > 0) options["jobs"] = command.jobs;
  if (!context.plugin_dirs.empty()) options["plugin_dirs"] = absolute_plugin_dirs(context);
  json request = {{"run", uuid_v7(wall_us() / 1000)}, {"params", *params}};
  if (found->version > 0) {
    request["pipeline"] = found->file;
    if (!command.name_space.empty()) request["namespace"] = command.name_space;
  } else {
    runtime::collect_files(*found);
    options["env"] = runtime::referenced_environment(*found);
    request.update({{"file", found->file}, {"source", found->source}, {"sources", found->sources}});
    if (!found->name_space.empty()) request["namespace"] = found->name_space;
  }
  request["options"] = std::move(options);
  return request;
}

Target begun_by(json request) {
  Target target;
  target.run = request.at("run");
  target.request = std::move(request);
  return target;
}

Target begun_by(runtime::Submission submission, runtime::Prepared prepared) {
  Target target;
  target.run = submission.run;
  target.submission = std::move(submission);
  target.prepared = std::move(prepared);
  return target;
}

/// To its end; or until it is begun, where it is detached.
int go_on(const Context& context, const runtime::StateDirectory& state, Target target,
          store::Durability durability, ProgressPrinter& printer, bool detached) {
  if (detached)
    return report_detached(context, detach(context, state, std::move(target), durability));
  return report(context, follow(context, state, std::move(target), durability, printer));
}

/// On the server.
int run_there(const Context& context, const runtime::StateDirectory& state,
              const RunCommand& command) {
  auto request = make_request(context, command);
  if (!request) return complain(context, request.error());
  if (command.dry_run) {
    const auto client = context.client();
    if (!client) return complain(context, client.error());
    return show_plan(context, client->json_of({.method = "POST",
                                               .target = "/api/v1/runs?dry_run=true",
                                               .body = request->dump(),
                                               .patience = api::kLongWork}));
  }
  ProgressPrinter printer(style_of(context, command.quiet), STDOUT_FILENO, place_options(context));
  return go_on(context, state, begun_by(std::move(*request)), store::Durability::process, printer,
               command.detach);
}

}  // namespace

int run(const Context& context, const RunCommand& command) {
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  const auto durability =
      command.durable == "power" ? store::Durability::power : store::Durability::process;
  if (!command.resume.empty())
    return resume(context, command.resume, command.quiet, command.detach);
  if (!context.server.empty()) return run_there(context, *state, command);
  const ProgressPrinter::Style style = style_of(context, command.quiet);
  ProgressPrinter printer(style, STDOUT_FILENO, place_options(context));

  auto found = context.catalog(!command.dry_run);
  if (!found) return complain(context, kUsage, found.error().message);
  const auto catalog = std::make_shared<const loader::Catalog>(std::move(*found));
  auto submission = make_submission(context, command, *catalog);
  if (!submission) return complain(context, submission.error());
  if (command.dry_run) {
    return show_plan(context, api::plan_run(*state, std::move(*submission), catalog,
                                            runtime::own_environment()));
  }
  auto prepared = runtime::prepare(*submission, catalog);
  if (!prepared) return complain(context, kUsage, prepared.error().message);
  if (style == ProgressPrinter::Style::live && !command.detach)
    printer.view().set_history(history_of(*state, *prepared->plan->pipeline));
  return go_on(context, *state, begun_by(std::move(*submission), std::move(*prepared)), durability,
               printer, command.detach);
}

namespace {

/// A server reads the run itself.
api::Answer<Target> retried(const Context& context, const runtime::StateDirectory& state,
                            const std::string& prefix, const std::string& from) {
  const auto id = find_run(context, prefix);
  if (!id) return tl::unexpected(id.error());
  if (!context.server.empty()) {
    json request = {{"run", uuid_v7(wall_us() / 1000)}, {"retry_of", *id}};
    if (!from.empty()) request["from"] = from;
    return begun_by(std::move(request));
  }
  const auto store = store::Store::open_read_only(state.root);
  if (!store) return api::broken(store.error().message);
  auto catalog = context.catalog();
  if (!catalog) return api::wrong(catalog.error().message);
  auto retry = runtime::retry_of(**store, *id, from, uuid_v7(wall_us() / 1000),
                                 std::make_shared<const loader::Catalog>(std::move(*catalog)));
  if (!retry) return api::failure_of(retry.error());
  return begun_by(std::move(retry->submission), std::move(retry->prepared));
}

/// What a file holds that is not as the run recorded it, or "".
std::string changes_of(const std::string& file, const std::string& path,
                       const std::string& before) {
  constexpr std::size_t kMost = 8;
  const auto text = read_regular_file(path, kMostText);
  if (!text || *text == before) return {};  // a run needs the file no more
  const auto was = pipeline::read_yaml_value(file, before);
  const auto is = pipeline::read_yaml_value(file, *text);
  if (!was || !is) return fmt::format("{} has changed, and cannot be read now", file);
  std::vector<std::string> changes = pipeline::differences(*was, *is);
  if (changes.empty()) return {};
  const std::size_t count = changes.size();
  if (count > kMost) changes.resize(kMost);
  return fmt::format("{} has changed: {}{}", file, fmt::join(changes, ", "),
                     count > kMost ? fmt::format(" and {} more", count - kMost) : "");
}

/// A run goes on, or is retried, with what was recorded; its file may say something else by now.
void tell_changes(const Context& context, const std::string& run) {
  const auto runs = open_runs(context);
  const auto page = runs ? (*runs)->events(run, 0, 1) : tl::unexpected(runs.error());
  if (!page || page->at("events").empty()) return;
  const json& created = page->at("events").front();
  if (!created.contains("data")) return;
  const auto submission = runtime::submission_from_json(created["data"]);
  std::map<std::string, std::string> texts = submission.sources;
  texts[submission.file] = submission.source;
  for (const auto& [file, text] : texts) {
    const auto path = std::filesystem::path(submission.options.directory) / file;
    if (const std::string changes = changes_of(file, path.string(), text); !changes.empty())
      fmt::print(stderr, "note: {}; what was recorded is what runs\n", changes);
  }
}

}  // namespace

int runs_retry(const Context& context, const std::string& prefix, const std::string& from,
               bool quiet) {
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  auto target = retried(context, *state, prefix, from);
  if (!target) return complain(context, target.error());
  if (const auto id = find_run(context, prefix); id) tell_changes(context, *id);
  ProgressPrinter printer(style_of(context, quiet), STDOUT_FILENO, place_options(context));
  return go_on(context, *state, std::move(*target), store::Durability::process, printer, false);
}

int resume(const Context& context, const std::string& run, bool quiet, bool detached) {
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  auto id = find_run(context, run);
  if (!id) return complain(context, id.error());
  tell_changes(context, *id);
  ProgressPrinter printer(style_of(context, quiet), STDOUT_FILENO, place_options(context));
  Target target;
  target.run = std::move(*id);
  return go_on(context, *state, std::move(target), store::Durability::process, printer, detached);
}

}  // namespace scanflow::cli
