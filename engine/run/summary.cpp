// One line for people: what became of the run, and because of which steps.
#include <fmt/format.h>

#include <string>
#include <vector>

#include "engine/run/machine_impl.hpp"

namespace scanflow::run {
namespace {

constexpr std::size_t kNamesShown = 5;

/// "a, b, c and 97 more"
std::string list(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kNamesShown; ++i) {
    if (i > 0) text += ", ";
    text += names[i];
  }
  if (names.size() > kNamesShown) text += fmt::format(" and {} more", names.size() - kNamesShown);
  return text;
}

std::string after_attempts(std::uint32_t attempts) {
  return attempts > 1 ? fmt::format(" after {} attempts", attempts) : std::string();
}

}  // namespace

std::string Machine::Impl::summary() const {
  if (status == RunStatus::queued) {
    return fmt::format("queued: {} step{}", steps.size(), steps.size() == 1 ? "" : "s");
  }
  if (status == RunStatus::running) {
    std::uint32_t open = 0;
    for (auto at = StepStatus::pending; at < StepStatus::succeeded;
         at = static_cast<StepStatus>(static_cast<int>(at) + 1)) {
      open += count(at);
    }
    std::string text =
        fmt::format("{}: {} of {} done, {} running", cancelled ? "cancelling" : "running",
                    steps.size() - open, steps.size(), count(StepStatus::running));
    if (const auto n = count(StepStatus::awaiting)) text += fmt::format(", {} to approve", n);
    return text;
  }
  if (status == RunStatus::succeeded) {
    std::string text =
        fmt::format("succeeded: {} step{}", steps.size(), steps.size() == 1 ? "" : "s");
    if (const auto n = count(StepStatus::cached)) text += fmt::format(", {} cached", n);
    if (const auto n = count(StepStatus::skipped)) text += fmt::format(", {} skipped", n);
    if (allowed_failures > 0) text += fmt::format(", {} failed as they may", allowed_failures);
    return text;
  }
  std::vector<std::string> failed, stopped, given_up, not_started;
  for (std::uint32_t i = 0; i < steps.size(); ++i) {
    const StepState& step = steps[i];
    const char* handler = nodes[i].phase == Phase::main ? "" : "handler ";
    if (is_group(i)) continue;  // its instances say it
    if (step.status == StepStatus::failed) {
      if (spec_of(i).allow_failure) continue;
      failed.push_back(fmt::format("{}{}{} ({})", handler, id(i), after_attempts(step.attempts),
                                   pipeline::name(step.cause)));
    } else if (step.status == StepStatus::cancelled) {
      auto& names = step.attempts == 0              ? not_started
                    : step.cause == Cause::upstream ? given_up
                                                    : stopped;
      names.push_back(handler + id(i));
    }
  }
  std::string text(name(status));
  const char* separator = ": ";
  const auto add = [&](const std::vector<std::string>& names, const char* what) {
    if (names.empty()) return;
    text += separator + list(names) + what;
    separator = "; ";
  };
  if (conclusion_failed) add({"its outputs"}, " (config)");
  if (timed_out) add({"its timeout was over"}, "");
  add(failed, status == RunStatus::cancelled ? " failed" : "");
  add(stopped, " stopped");
  add(given_up, " given up");
  add(not_started, " not started");
  return text;
}

}  // namespace scanflow::run
