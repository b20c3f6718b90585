// What a run means, in words: derived from outputs, statuses and models.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "plugins/steps/report/document.hpp"

namespace scanflow::report {

/// Of several instances of one matrix that all report the same figure: the best.
struct Choice {
  const Step* best = nullptr;
  std::string figure;  // "validation_accuracy"
  double value = 0, second = 0;
  std::size_t candidates = 0;
};

/// The step whose `accuracy` (or `test_accuracy`) output tells how good the result is: the last one
/// that succeeded; null without.
const Step* judged(const RunRecord& run);
double accuracy_of(const Step& step);  // of the step that `judged` gives

/// By validation_accuracy, else accuracy, higher is better; best is null with fewer than two.
Choice choice_of(const RunRecord& run);

/// Sentences for the top of the page, plain text.
std::vector<std::string> meaning(const RunRecord& run);

/// A command to copy (may be empty) and why one would; plain text.
struct Advice {
  std::string why, command;
};
std::vector<Advice> next_steps(const RunRecord& run);

}  // namespace scanflow::report
