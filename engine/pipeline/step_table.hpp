// The steps of a pipeline by name, and what each needs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/step_reader.hpp"

namespace scanflow::pipeline {

/// Points into the drafts it was made from.
struct StepTable {
  std::unordered_map<std::string_view, std::uint32_t> by_name;
  std::vector<std::string> names;                 // of all steps, for hints
  std::vector<std::vector<std::uint32_t>> needs;  // per step, resolved
  bool cyclic = false;
};

/// Reports duplicate names, needs that do not exist or make no sense, and a cycle.
StepTable make_table(const std::vector<StepDraft>& drafts, Problems& problems);

/// One question: does `step` need `target`, directly or not?
struct NeedQuery {
  std::uint32_t step = 0;
  std::uint32_t target = 0;
};

/// Answers them in order. Sets of 64 targets go through the graph together, so that ten thousand
/// questions about ten thousand steps stay cheap. The table must not be cyclic.
std::vector<bool> answer(const StepTable& table, const std::vector<NeedQuery>& queries);

}  // namespace scanflow::pipeline
