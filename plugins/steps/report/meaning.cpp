#include "plugins/steps/report/meaning.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "plugins/steps/report/format.hpp"

namespace scanflow::report {
namespace {

bool done(const Step& step) { return step.status == "succeeded" || step.status == "cached"; }

const json* figure(const Step& step, const char* name) {
  const auto found = step.outputs.find(name);
  return done(step) && found != step.outputs.end() && found->is_number() ? &*found : nullptr;
}

/// "1,962 of 2,000", where the outputs tell how many were looked at and how many were wrong or
/// right.
std::string counts_of(const Step& step) {
  const json *count = figure(step, "count"), *correct = figure(step, "correct");
  const json* wrong = figure(step, "misclassified");
  if (count == nullptr || (correct == nullptr && wrong == nullptr)) return {};
  const double all = count->get<double>();
  const double right = correct != nullptr ? correct->get<double>() : all - wrong->get<double>();
  return fmt::format("{} of {}", number_text(right), number_text(all));
}

std::size_t count_status(const RunRecord& run, std::string_view status) {
  return static_cast<std::size_t>(
      std::count_if(run.steps.begin(), run.steps.end(),
                    [&](const Step& s) { return s.phase == "main" && s.status == status; }));
}

std::string_view cause_text(std::string_view cause) {
  if (cause == "oom") return "out of memory";
  if (cause == "timeout") return "out of time";
  if (cause == "lost") return "its worker was lost";
  if (cause == "exit") return "its program ended with an error";
  if (cause == "config") return "wrong configuration";
  return cause;
}

void explain_failures(const RunRecord& run, std::vector<std::string>& out) {
  std::vector<std::string> not_run;
  bool failed = false;
  for (const Step& step : run.steps) {
    if (step.phase == "main" && (step.status == "cancelled" || step.status == "pending")) {
      not_run.push_back(step.name);
    }
    if (step.status != "failed") continue;
    failed = true;
    const std::string after =
        step.attempts > 1 ? fmt::format(" after {} attempts", step.attempts) : "";
    const std::string_view cause = step.failure ? cause_text(step.failure->cause) : "";
    out.push_back(fmt::format("{} failed{}{}.", step.name, after,
                              cause.empty() ? "" : fmt::format(": {}", cause)));
  }
  if (!failed || not_run.empty()) return;
  if (not_run.size() > 4) not_run = {plural(not_run.size(), "step")};
  out.push_back(fmt::format("{} did not run because of that.", fmt::join(not_run, ", ")));
}

/// What to change for a cause, in the pipeline's own terms.
std::string fix_for(const Step& step) {
  const std::string& cause = step.failure->cause;
  if (cause == "oom") {
    return fmt::format(
        "{} ran out of memory: raise resources.limits.memory of the step '{}', or make "
        "its work smaller (a smaller batch, fewer rows)",
        step.name, step.base);
  }
  if (cause == "timeout") {
    return fmt::format(
        "{} ran out of time: raise the timeout of the step '{}', or give it less to do", step.name,
        step.base);
  }
  if (cause == "crash") {
    return fmt::format("{} crashed: its last lines tell where it was", step.name);
  }
  if (cause == "config") {
    return fmt::format("the configuration of '{}' is wrong: mend the field that the error names",
                       step.base);
  }
  return fmt::format("read what {} said before it failed", step.name);
}

const Step* longest(const RunRecord& run) {
  const Step* found = nullptr;
  for (const Step& step : run.steps) {
    if (step.phase == "main" && step.status == "succeeded" &&
        (found == nullptr || step.seconds > found->seconds)) {
      found = &step;
    }
  }
  return found;
}

}  // namespace

const Step* judged(const RunRecord& run) {
  const Step* last = nullptr;
  for (const Step& step : run.steps) {
    // What also tells a validation accuracy trains: its accuracy is that on the training data.
    if (figure(step, "validation_accuracy") != nullptr) continue;
    if (figure(step, "test_accuracy") != nullptr || figure(step, "accuracy") != nullptr) {
      last = &step;
    }
  }
  return last;
}

double accuracy_of(const Step& step) {
  const json* found = figure(step, "test_accuracy");
  if (found == nullptr) found = figure(step, "accuracy");
  return found == nullptr ? 0 : found->get<double>();
}

Choice choice_of(const RunRecord& run) {
  for (const char* name : {"validation_accuracy", "accuracy"}) {
    std::map<std::string, std::vector<const Step*>> by_base;
    for (const Step& step : run.steps) {
      if (figure(step, name) != nullptr) by_base[step.base].push_back(&step);
    }
    for (auto& [base, steps] : by_base) {
      if (steps.size() < 2) continue;
      std::stable_sort(steps.begin(), steps.end(), [&](const Step* a, const Step* b) {
        return figure(*a, name)->get<double>() > figure(*b, name)->get<double>();
      });
      return {steps[0], name, figure(*steps[0], name)->get<double>(),
              figure(*steps[1], name)->get<double>(), steps.size()};
    }
  }
  return {};
}

std::vector<std::string> meaning(const RunRecord& run) {
  std::vector<std::string> out;
  const Choice choice = choice_of(run);
  if (const Step* step = judged(run); step != nullptr) {
    const std::string counts = counts_of(*step);
    out.push_back(fmt::format("The accuracy that {} measured is {}{}.", step->name,
                              percent_text(accuracy_of(*step)),
                              counts.empty() ? "" : " (" + counts + " right)"));
  }
  if (choice.best != nullptr) {
    std::string figure_name = choice.figure;
    std::replace(figure_name.begin(), figure_name.end(), '_', ' ');
    out.push_back(fmt::format("Of {} candidates {} has the best {}: {}, against {} of the next.",
                              choice.candidates, choice.best->name, figure_name,
                              percent_text(choice.value), percent_text(choice.second)));
  }
  for (const Model& model : run.models) {
    out.push_back(fmt::format("Registered as {} version {}.", model.name, model.version));
  }
  explain_failures(run, out);
  if (run.status == "cancelled") out.emplace_back("The run was cancelled before its end.");
  if (const std::size_t cached = count_status(run, "cached"); cached > 0) {
    out.push_back(fmt::format("{} came from the cache: nothing that {} on had changed.",
                              plural(cached, "step"), cached == 1 ? "it depends" : "they depend"));
  }
  if (out.empty()) {
    for (const Step& step : run.steps) {
      if (done(step) && !step.summary.empty()) out.push_back(step.name + ": " + step.summary);
    }
  }
  if (out.empty()) {
    out.push_back(fmt::format("{} of {} succeeded in {}.", count_status(run, "succeeded"),
                              plural(run.steps.size(), "step"), seconds_text(total_seconds(run))));
  }
  return out;
}

std::vector<Advice> next_steps(const RunRecord& run) {
  std::vector<Advice> out;
  const std::string id = shell_word(run.id);
  const std::string file = run.file.empty() ? "PIPELINE.yaml" : shell_word(run.file);
  for (const Step& step : run.steps) {
    if (step.status != "failed" || !step.failure || out.size() >= 5) continue;
    out.push_back(
        {fix_for(step), fmt::format("scanflow runs logs {} {}", id, shell_word(step.name))});
  }
  if (run.status == "failed") {
    out.push_back({"what happened, event by event", "scanflow runs events " + id});
    out.push_back(
        {"once it is mended, run it again; steps with cache: true do not repeat their work",
         "scanflow run " + file});
    return out;
  }
  if (run.status == "cancelled") {
    out.push_back(
        {"run it again; steps with cache: true do not repeat their work", "scanflow run " + file});
  }
  out.push_back(
      {"the same in the terminal, with every output and artifact", "scanflow runs show " + id});
  if (const Step* step = longest(run); step != nullptr && step->seconds >= 1) {
    out.push_back({fmt::format("what {} wrote, the step that took longest ({})", step->name,
                               seconds_text(step->seconds)),
                   fmt::format("scanflow runs logs {} {}", id, shell_word(step->name))});
  }
  const auto epochs = run.params.find("epochs");
  if (epochs != run.params.end() && epochs->is_number_integer() && choice_of(run).best != nullptr) {
    out.push_back(
        {"see whether longer training helps",
         fmt::format("scanflow run {} -p epochs={}", file, epochs->get<std::int64_t>() * 2)});
  }
  return out;
}

}  // namespace scanflow::report
