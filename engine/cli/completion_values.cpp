// What is completed from the state directory: runs, and their steps.
#include <fmt/format.h>

#include "engine/cli/commands.hpp"
#include "engine/cli/completion.hpp"
#include "engine/cli/registry.hpp"

namespace scanflow::cli {
namespace {

constexpr std::size_t kRuns = 100;

std::vector<std::string> newest_runs(const Context& context) {
  const auto state = context.state_directory();
  if (!state) return {};
  const auto store = store::Store::open_read_only(state->root);
  if (!store) return {};
  const auto rows = (*store)->runs({.limit = kRuns});
  std::vector<std::string> ids{"last"};
  for (const store::RunRow& row : rows.value_or(std::vector<store::RunRow>{})) {
    ids.push_back(short_id(row.id));
  }
  return ids;
}

std::vector<std::string> steps_of(const Context& context, const std::string& prefix) {
  const auto state = context.state_directory();
  const auto run = find_run(context, prefix);
  if (!state || !run) return {};
  const auto store = store::Store::open_read_only(state->root);
  if (!store) return {};
  const auto rows = (*store)->steps(*run);
  std::vector<std::string> ids;
  for (const store::StepRow& row : rows.value_or(std::vector<store::StepRow>{})) {
    ids.push_back(row.id);
  }
  return ids;
}

/// Those that one has begun to type; else the shell offers files.
std::vector<std::string> registered_pipelines(const Context& context) {
  const auto registry = open_registry(context);
  if (readable(registry) == nullptr) return {};
  const auto entries = readable(registry)->documents("Pipeline");
  std::vector<std::string> names;
  for (const auto& entry : entries.value_or(std::vector<store::DocumentEntry>{})) {
    const store::Document& newest = entry.newest;
    names.push_back(to_text(pipeline::Reference{newest.name_space, newest.name, {}}));
  }
  return names;
}

}  // namespace

int print_candidates(Context context, const CLI::App& app, const std::vector<std::string>& words) {
  for (std::size_t i = 0; i + 2 < words.size(); ++i) {
    if (words[i] == "--state") context.state = words[i + 1];
  }
  const auto values = [&](const std::string& positional, const std::vector<std::string>& before) {
    if (positional == "RUN") return newest_runs(context);
    if (positional == "FILE|NAME" && !words.back().empty()) return registered_pipelines(context);
    if (positional == "STEP" && !before.empty()) return steps_of(context, before.front());
    return std::vector<std::string>();
  };
  for (const std::string& each : complete(app, words, values)) fmt::print("{}\n", each);
  return kSucceeded;
}

}  // namespace scanflow::cli
