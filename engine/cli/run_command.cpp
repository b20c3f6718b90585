// scanflow run, scanflow runs resume
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "engine/cli/commands.hpp"
#include "engine/cli/follow.hpp"
#include "engine/cli/progress.hpp"
#include "engine/pipeline/reader.hpp"
#include "engine/runtime/retry.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {
namespace {

/// How long each step took when the pipeline last succeeded.
std::map<std::string, double> history_of(const runtime::StateDirectory& state,
                                         const std::string& pipeline) {
  std::map<std::string, double> seconds;
  const auto store = store::Store::open_read_only(state.root);
  if (!store) return seconds;
  const auto runs = (*store)->runs({.pipeline = pipeline, .statuses = {"succeeded"}, .limit = 50});
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

int run(const Context& context, const RunCommand& command) {
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  const auto durability =
      command.durable == "power" ? store::Durability::power : store::Durability::process;
  if (!command.resume.empty()) return resume(context, command.resume, command.quiet);
  const ProgressPrinter::Style style = style_of(context, command.quiet);
  ProgressPrinter printer(style, STDOUT_FILENO);

  auto source = read_pipeline_file(command.file);
  if (!source) return complain(context, kUsage, source.error().message);
  auto params = read_params_file(command.params_file);
  if (!params) return complain(context, kUsage, params.error().message);
  const auto given = parse_params(command.params);
  if (!given) return complain(context, kUsage, given.error().message);
  params->update(*given);
  auto catalog = context.catalog();
  if (!catalog) return complain(context, kUsage, catalog.error().message);

  runtime::Submission submission;
  submission.run = uuid_v7(wall_us() / 1000);
  submission.file = std::move(source->name);
  submission.source = std::move(source->text);
  submission.params = std::move(*params);
  submission.options.backend = command.backend;
  submission.options.jobs = command.jobs > 0 || !context.server.empty()
                                ? command.jobs  // 0: the server says
                                : std::max(1u, std::thread::hardware_concurrency());
  submission.options.use_cache = !command.no_cache;
  submission.options.directory = std::filesystem::current_path().string();
  submission.options.plugin_dirs = context.plugin_dirs;
  runtime::collect_sources(submission, *catalog);
  submission.options.env = runtime::referenced_environment(submission.source);
  for (const auto& [file, text] : submission.sources)
    submission.options.env.merge(runtime::referenced_environment(text));

  if (!context.server.empty()) {  // what it lacks, and which plugins there are, it says itself
    Target target;
    target.submission = std::move(submission);
    return report(context, follow(context, *state, std::move(target), durability, printer));
  }
  auto prepared =
      runtime::prepare(submission, std::make_shared<const loader::Catalog>(std::move(*catalog)));
  if (!prepared) return complain(context, kUsage, prepared.error().message);
  if (style == ProgressPrinter::Style::live)
    printer.view().set_history(history_of(*state, prepared->plan->pipeline->name));

  Target target;
  target.submission = std::move(submission);
  target.prepared = std::move(*prepared);
  return report(context, follow(context, *state, std::move(target), durability, printer));
}

int runs_retry(const Context& context, const std::string& prefix, const std::string& from,
               bool quiet) {
  if (const int refused = refuse_server(context, "retry the run where the server is"); refused != 0)
    return refused;
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  const auto id = find_run(context, prefix);
  if (!id) return complain(context, id.error());
  const auto store = store::Store::open_read_only(state->root);
  if (!store) return complain(context, kEngine, store.error().message);
  const auto events = (*store)->events(*id);
  const auto steps = (*store)->steps(*id);
  const auto rows = (*store)->find_runs(*id);
  if (!events || !steps || !rows || events->empty())
    return complain(context, kEngine, "cannot read run " + *id);
  if (rows->front().ended_us == 0) {
    return complain(context, kUsage,
                    fmt::format("run {0} is not over; 'scanflow runs resume {0}' goes on with one "
                                "that was interrupted",
                                *id));
  }
  auto catalog = context.catalog();
  if (!catalog) return complain(context, kUsage, catalog.error().message);
  const auto known = std::make_shared<const loader::Catalog>(std::move(*catalog));
  const json created = json::parse(events->front().body).at("data");
  runtime::Submission submission = runtime::submission_from_json(created);
  submission.run = uuid_v7(wall_us() / 1000);
  submission.retry_of = *id;
  submission.reuse = json::object();
  auto prepared = runtime::prepare(submission, known, &created);
  if (!prepared) return complain(context, kUsage, prepared.error().message);
  auto reuse = runtime::results_to_reuse(*prepared->plan, *steps, from);
  if (!reuse) return complain(context, kUsage, reuse.error().message);
  submission.reuse = std::move(*reuse);
  prepared = runtime::prepare(submission, known, &created);
  if (!prepared) return complain(context, kUsage, prepared.error().message);
  ProgressPrinter printer(style_of(context, quiet), STDOUT_FILENO);
  Target target;
  target.submission = std::move(submission);
  target.prepared = std::move(*prepared);
  return report(context,
                follow(context, *state, std::move(target), store::Durability::process, printer));
}

int resume(const Context& context, const std::string& run, bool quiet) {
  if (const int refused =
          refuse_server(context, "a server goes on with its runs by itself; 'runs watch' looks on");
      refused != 0)
    return refused;
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  auto id = find_run(context, run);
  if (!id) return complain(context, id.error());
  ProgressPrinter printer(style_of(context, quiet), STDOUT_FILENO);
  Target target;
  target.run = std::move(*id);
  return report(context,
                follow(context, *state, std::move(target), store::Durability::process, printer));
}

}  // namespace scanflow::cli
