#include "engine/pipeline/step_table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/graph/graph.hpp"
#include "engine/pipeline/text.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::pipeline {
namespace {

std::string_view list_name(Phase phase) { return phase == Phase::main ? "steps" : name(phase); }

void report_unknown(const StepTable& table, const Node& node, Problems& problems) {
  const std::string near = nearest(node.text, table.names);
  problems.add(node, fmt::format("unknown step '{}'", printable(node.text))).hint =
      near.empty() ? "" : fmt::format("did you mean '{}'?", near);
}

/// Why a step cannot need another one, or "".
std::string misplaced(const StepDraft& step, const StepDraft& needed) {
  const Phase from = step.step.phase;
  const Phase to = needed.step.phase;
  if (&step == &needed) return "a step cannot need itself";
  if (from == to) return {};
  if (from == Phase::main) {
    return fmt::format("'{}' is in {}, which runs after all of steps", needed.step.name,
                       list_name(to));
  }
  if (to == Phase::main) {
    return fmt::format("{} runs after all of steps: it needs none of them", list_name(from));
  }
  return fmt::format("'{}' is in {}, not in {}", needed.step.name, list_name(to), list_name(from));
}

void resolve_needs(const std::vector<StepDraft>& drafts, std::uint32_t index, StepTable& table,
                   Problems& problems) {
  const StepDraft& draft = drafts[index];
  auto& needs = table.needs[index];
  for (std::size_t i = 0; i < draft.needs.size(); ++i) {
    const Node& node = *draft.needs[i];
    const auto found = table.by_name.find(draft.step.needs[i]);
    if (found == table.by_name.end()) {
      report_unknown(table, node, problems);
      continue;
    }
    const std::string why = misplaced(draft, drafts[found->second]);
    if (!why.empty()) {
      problems.add(node, why).hint = "remove it";
      continue;
    }
    needs.push_back(found->second);
  }
  auto sorted = needs;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice == sorted.end()) return;
  const std::string& name = drafts[*twice].step.name;
  for (std::size_t i = draft.needs.size(); i-- > 0;) {
    if (draft.step.needs[i] != name) continue;
    problems.add(*draft.needs[i], fmt::format("'{}' is listed twice", name)).hint = "remove it";
    break;
  }
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  needs = std::move(sorted);
}

void report_cycle(const std::vector<StepDraft>& drafts, StepTable& table, Problems& problems) {
  const auto cycle = graph::find_cycle(graph::Graph::build(table.needs));
  if (cycle.empty()) return;
  table.cyclic = true;
  constexpr std::size_t kShown = 20;
  // From the step that comes first in the file.
  const auto first = std::min_element(cycle.begin(), cycle.end()) - cycle.begin();
  std::string path;
  for (std::size_t i = 0; i < std::min(cycle.size(), kShown); ++i) {
    path += drafts[cycle[(static_cast<std::size_t>(first) + i) % cycle.size()]].step.name + " -> ";
  }
  if (cycle.size() > kShown) path += fmt::format("... ({} more) -> ", cycle.size() - kShown);
  const StepDraft& start = drafts[cycle[static_cast<std::size_t>(first)]];
  path += start.step.name;
  const std::string& next =
      drafts[cycle[(static_cast<std::size_t>(first) + 1) % cycle.size()]].step.name;
  const auto at = std::find_if(start.needs.begin(), start.needs.end(),
                               [&](const Node* node) { return node->text == next; });
  Diagnostic& problem =
      problems.add(at != start.needs.end() ? **at : *start.node,
                   fmt::format("the steps need each other in a circle: {}", path));
  problem.hint = "remove one of these needs";
}

}  // namespace

StepTable make_table(const std::vector<StepDraft>& drafts, Problems& problems) {
  StepTable table;
  table.needs.resize(drafts.size());
  for (std::uint32_t i = 0; i < drafts.size(); ++i) {
    const Step& step = drafts[i].step;
    if (step.name.empty()) continue;
    const auto [first, inserted] = table.by_name.emplace(step.name, i);
    if (inserted) {
      table.names.push_back(step.name);
      continue;
    }
    Diagnostic& problem = problems.add(step.at, static_cast<int>(step.name.size()),
                                       fmt::format("duplicate step '{}'", printable(step.name)));
    problem.hint = "give each step a name of its own";
    problem.notes.push_back(
        fmt::format("first given at {}", problems.place(drafts[first->second].step.at)));
  }
  for (std::uint32_t i = 0; i < drafts.size(); ++i) resolve_needs(drafts, i, table, problems);
  report_cycle(drafts, table, problems);
  return table;
}

std::vector<bool> answer(const StepTable& table, const std::vector<NeedQuery>& queries) {
  std::vector<bool> answers(queries.size());
  std::vector<std::size_t> open;  // those that the direct needs do not answer
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const auto& direct = table.needs[queries[i].step];
    answers[i] = std::find(direct.begin(), direct.end(), queries[i].target) != direct.end();
    if (!answers[i]) open.push_back(i);
  }
  if (open.empty()) return answers;
  std::sort(open.begin(), open.end(),
            [&](std::size_t a, std::size_t b) { return queries[a].target < queries[b].target; });
  const auto order = graph::topological_order(graph::Graph::build(table.needs));
  std::vector<std::uint64_t> needed(table.needs.size());
  for (std::size_t done = 0; done < open.size();) {
    std::vector<std::uint32_t> targets;
    std::size_t end = done;
    for (; end < open.size(); ++end) {
      const std::uint32_t target = queries[open[end]].target;
      if (!targets.empty() && targets.back() == target) continue;
      if (targets.size() == 64) break;
      targets.push_back(target);
    }
    std::fill(needed.begin(), needed.end(), 0);
    for (std::size_t bit = 0; bit < targets.size(); ++bit) {
      needed[targets[bit]] |= std::uint64_t{1} << bit;
    }
    for (const std::uint32_t step : order) {
      for (const std::uint32_t need : table.needs[step]) needed[step] |= needed[need];
    }
    for (; done < end; ++done) {
      const NeedQuery& query = queries[open[done]];
      const auto bit = std::lower_bound(targets.begin(), targets.end(), query.target);
      const std::uint64_t mask = std::uint64_t{1} << (bit - targets.begin());
      answers[open[done]] = query.step != query.target && (needed[query.step] & mask) != 0;
    }
  }
  return answers;
}

}  // namespace scanflow::pipeline
