// What is completed from the state directory, or by the server: runs, their steps, documents.
#include <fmt/format.h>

#include "engine/cli/commands.hpp"
#include "engine/cli/completion.hpp"
#include "engine/cli/registry.hpp"

namespace scanflow::cli {
namespace {

constexpr std::size_t kRuns = 100;

/// Nobody waits longer for a candidate.
constexpr const char* kPatience = "2s";

std::vector<std::string> newest_runs(const Context& context) {
  const auto runs = open_runs(context);
  const auto listed = runs ? (*runs)->list({.limit = kRuns}) : tl::unexpected(runs.error());
  if (!listed || listed->at("runs").empty()) return {};
  std::vector<std::string> ids{"last"};
  for (const auto& run : listed->at("runs")) ids.push_back(short_id(run.at("run")));
  return ids;
}

std::vector<std::string> steps_of(const Context& context, const std::string& prefix) {
  const auto runs = open_runs(context);
  const auto run = runs ? (*runs)->find(prefix) : tl::unexpected(runs.error());
  const auto shown = run ? (*runs)->show(*run) : tl::unexpected(run.error());
  std::vector<std::string> ids;
  if (!shown) return ids;
  for (const auto& step : shown->at("steps")) ids.push_back(step.at("name"));
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
  for (std::size_t i = 0; i + 2 < words.size(); ++i) {
    if (words[i] == "--state") context.state = words[i + 1];
    if (words[i] == "--server") context.server = words[i + 1];
  }
  context.server_timeout = kPatience;
  const auto values = [&](const std::string& positional, const std::vector<std::string>& before) {
    if (positional == "RUN") return newest_runs(context);
    // Those that one has begun to type; else the shell offers files.
    if (positional == "FILE|NAME" && !words.back().empty())
      return registered_documents(context, "Pipeline");
    if (positional == "WHAT") return registered_documents(context, "");
    if (positional == "STEP" && !before.empty()) return steps_of(context, before.front());
    return std::vector<std::string>();
  };
  for (const std::string& each : complete(app, words, values)) fmt::print("{}\n", each);
  return kSucceeded;
}

}  // namespace scanflow::cli
