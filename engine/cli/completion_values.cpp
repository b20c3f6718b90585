// What is completed from the state directory, or by the server: runs, their steps, documents.
#include <fmt/format.h>

#include "engine/cli/commands.hpp"
#include "engine/cli/completion.hpp"
#include "engine/cli/engine_primitive.hpp"
#include "engine/cli/object_primitive.hpp"
#include "engine/cli/primitive_commands.hpp"
#include "engine/cli/registry.hpp"
#include "engine/pipeline/reader.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {
namespace {

constexpr std::size_t kRuns = 100;

/// Nobody waits longer for a candidate.
constexpr const char* kCompletionPatience = "2s";

std::vector<std::string> newest_runs(const Context& context) {
  const auto runs = open_runs(context);
  const auto listed = runs ? (*runs)->list({.limit = kRuns}) : tl::unexpected(runs.error());
  if (!listed || listed->at("runs").empty()) return {};
  std::vector<std::string> ids{"last"};
  for (const auto& run : listed->at("runs")) ids.push_back(short_id(run.at("run")));
  return ids;
}

/// `status`: those that have it; empty: all.
void add_steps(api::Runs& runs, const std::string& run, const std::string& within,
               const std::string& status, std::vector<std::string>& names) {
  const auto shown = runs.show(run);
  if (!shown) return;
  for (const nlohmann::json& step : shown->at("steps")) {
    const std::string name = within + step.at("name").get<std::string>();
    if (status.empty() || step.at("status") == status) names.push_back(name);
    if (step.contains("run")) add_steps(runs, step["run"], name + "/", status, names);
  }
}

/// Also those within called runs.
std::vector<std::string> steps_of(const Context& context, const std::string& prefix,
                                  const std::string& status) {
  const auto runs = open_runs(context);
  if (!runs) return {};
  const auto run = (*runs)->find(prefix);
  std::vector<std::string> names;
  if (run) add_steps(**runs, *run, "", status, names);
  return names;
}

/// Of those that a command is about.
std::string status_of_steps(const std::string& command) {
  if (command == "approve") return "awaiting";
  return command == "send" || command == "list" ? "running" : "";
}

/// "epochs=" of each.
std::vector<std::string> params_words(const Context& context, const std::string& argument) {
  std::vector<std::string> names;
  if (argument == "-") return names;
  const auto found = find_pipeline(argument, "", open_registry(context));
  if (!found) return names;
  const auto document = pipeline::read_yaml_value(found->file, found->source);
  if (!document || !document->is_object()) return names;
  const nlohmann::json params = document->value("params", nlohmann::json());
  for (const auto& param : params.items()) {
    if (params.is_object()) names.push_back(param.key() + "=");
  }
  return names;
}

std::vector<std::string> plugin_ids(const Context& context) {
  const auto catalog = context.catalog(false);
  std::vector<std::string> ids;
  if (!catalog) return ids;
  for (const auto* plugin : catalog->all()) ids.push_back(plugin->id);
  return ids;
}

std::vector<std::string> registered_documents(const Context& context, const std::string& kind) {
  const auto registry = open_registry(context);
  const auto documents = registry ? (*registry)->list({.kind = kind, .sources = false})
                                  : tl::unexpected(registry.error());
  std::vector<std::string> names;
  for (const auto& each : documents.value_or(std::vector<store::Document>()))
    names.push_back(to_text(pipeline::Reference{each.name_space, each.name, {}}));
  return names;
}

}  // namespace

int print_candidates(Context context, const CLI::App& app, const std::vector<std::string>& words) {
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    constexpr std::string_view kState = "--state=";
    if (words[i].starts_with(kState)) context.state = words[i].substr(kState.size());
    if (i + 2 >= words.size()) break;
    if (words[i] == "--state") context.state = words[i + 1];
    if (words[i] == "--server") context.server = words[i + 1];
    if (words[i] == "--plugin-dir") context.plugin_dirs.push_back(words[i + 1]);
  }
  context.server_timeout = kCompletionPatience;
  const auto values = [&](const Wanted& wanted) -> std::vector<std::string> {
    const std::string& name = wanted.name;
    if (name == "RUN" || name == "--resume") return newest_runs(context);
    // Files come first: registered ones are offered to whoever has begun to type one.
    if (name == "FILE|NAME" && !words.back().empty())
      return registered_documents(context, "Pipeline");
    if (name == "APPLICATION") return registered_documents(context, "Application");
    if (name == "WHAT") return registered_documents(context, "");
    if (name == "AGENT") return registered_documents(context, "Agent");
    if (name == "PLUGIN") return plugin_ids(context);
    if (wanted.before.empty()) return {};
    const std::string& first = wanted.before.front();
    if (wanted.command == "send" && is_of_engine(first)) {
      if (name == "STEP") return engine_primitive_names(first);
      if (wanted.before.size() > 1) return engine_primitive_arguments(first, wanted.before[1]);
      return {};
    }
    if (wanted.command == "send" && is_object(first)) {
      if (name == "STEP") return object_primitive_names();
      if (wanted.before.size() > 1) return object_primitive_arguments(wanted.before[1]);
      return {};
    }
    if (name == "STEP") return steps_of(context, first, status_of_steps(wanted.command));
    if (name == "PRIMITIVE") return primitive_names();
    if (name == "--arg" && wanted.before.size() > 2) return primitive_arguments(wanted.before[2]);
    if (name == "--from") return steps_of(context, first, "");
    if (name == "--param") return params_words(context, first);
    return {};
  };
  for (const std::string& each : complete(app, words, values)) fmt::print("{}\n", each);
  return kSucceeded;
}

}  // namespace scanflow::cli
