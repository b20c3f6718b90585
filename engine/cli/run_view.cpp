#include <algorithm>
#include <cmath>

#include "engine/cli/progress.hpp"
#include "engine/cli/text.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {
namespace {

bool is_over(std::string_view status) {
  return status == "succeeded" || status == "failed" || status == "skipped" ||
         status == "cancelled" || status == "cached";
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// What a step says for people when it is over.
std::string run_words(const json& data) {
  if (!data.is_object()) return {};
  const json outputs = data.value("outputs", json::object());
  if (outputs.contains("summary") && outputs["summary"].is_string()) return outputs["summary"];
  return {};
}

/// Where a second attempt began beside the one before.
std::string first_of_two(std::uint32_t attempt, std::uint32_t attempts) {
  return "(attempt " + std::to_string(attempt) + " of " + std::to_string(attempts) + " was first)";
}

Ended ended_of(const json& data, const std::string& cause) {
  if (!data.is_object()) return {};
  return {data.value("post_mortem", json()), data.value("message", ""), cause, ""};
}

}  // namespace

std::vector<std::uint32_t> RunView::update(const json& update) {
  const std::string type = update.value("type", "");
  if (type == "accepted") {
    run_ = update.at("run");
    pipeline_ = short_name(update);
    place_ = update.at("backend").get<std::string>() + ", " +
             std::to_string(update.value("jobs", 1)) + " at once";
    created_us_ = update.at("created_us");
    name_columns_ = update.value("name_columns", std::size_t{0});
    steps_.clear();
    return add_steps(update.at("steps"));
  } else if (type == "steps") {
    return add_steps(update.at("steps"));
  } else if (type == "event") {
    return on_event(update.at("event"));
  } else if (type == "progress" || type == "metric") {
    const auto found = index_.find(update.at("step"));
    if (found == index_.end()) return {};
    Step& step = steps_[found->second];
    if (type == "progress") {
      step.fraction = update.at("fraction");
      step.message = update.at("message");
    } else if (update.at("value").is_number()) {
      step.metrics[{update.at("name"), update.value("labels", json::object())}].push_back(
          update.at("value"));
    }
  }
  return {};
}

std::vector<std::uint32_t> RunView::add_steps(const json& steps) {
  std::vector<std::uint32_t> awaiting;
  for (const json& given : steps) {
    Step step;
    step.name = given.at("name");
    step.uses = given.at("uses");
    step.status = given.at("status");
    step.needs = given.at("needs").get<std::vector<std::uint32_t>>();
    step.started_us = given.at("started_us");
    step.ended_us = given.at("ended_us");
    step.attempts = given.at("attempts");
    step.in_flight = given.value("in_flight", std::set<std::uint32_t>());
    step.hedged = step.in_flight.size() > 1;
    if (const auto whole = index_.find(given.value("instance_of", "")); whole != index_.end())
      step.instance_of = whole->second;
    step.message = given.value("message", "");
    const auto index = static_cast<std::uint32_t>(steps_.size());
    if (step.status == "awaiting") awaiting.push_back(index);
    index_[step.name] = index;
    steps_.push_back(std::move(step));
  }
  return awaiting;
}

std::vector<std::uint32_t> RunView::on_event(const json& event) {
  const std::string type = event.at("type");
  if (type == "cancel_requested" && event.value("cause", "cancelled") == "cancelled")
    cancelling_ = true;
  if (type == "run_ended") over_ = true;
  if (!event.contains("step")) return {};
  const auto found = index_.find(event.at("step"));
  if (found == index_.end()) return {};
  Step& step = steps_[found->second];
  const std::int64_t time = event.at("time_us");
  const json data = event.value("data", json::object());
  const std::string cause = event.value("cause", "none");
  const std::string before = step.status;
  if (type == "attempt_started") {
    const std::uint32_t attempt = event.at("attempt");
    step.attempts = attempt;
    step.in_flight.insert(attempt);
    step.hedged = step.in_flight.size() > 1;
    if (step.hedged) return {};
    step.status = "running";
    if (step.started_us == 0) step.started_us = time;
    step.fraction = -1;
    step.message.clear();
    step.ended = {};
  } else if (type == "attempt_ended") {
    const std::uint32_t attempt = event.at("attempt");
    step.in_flight.erase(attempt);
    // It goes on with the other one, or it has ended by that.
    if (cause == "superseded" || (cause != "none" && !step.in_flight.empty())) return {};
    step.status = cause == "none"                               ? "succeeded"
                  : cause == "cancelled" || cause == "upstream" ? "cancelled"
                                                                : "failed";
    step.ended_us = time;
    step.message =
        cause == "none" ? run_words(data) : cause + ": " + first_line(data.value("message", ""));
    if (cause == "none" && step.hedged)
      step.message += (step.message.empty() ? "" : "  ") + first_of_two(attempt, step.attempts);
    step.ended = ended_of(data, cause);
  } else if (type == "retry_scheduled") {
    step.status = "waiting";
    const double wait = static_cast<double>(event.at("wake_us").get<std::int64_t>() - time) / 1e6;
    step.message += " (tried again in " + std::to_string(static_cast<int>(std::ceil(wait))) + " s)";
  } else if (type == "step_cached") {
    step.status = "cached";
    step.started_us = step.ended_us = time;
    const std::string words = run_words(data);
    step.message = (words.empty() ? "" : words + "  ") + "(cached from " +
                   short_id(data.value("from", "")) + ")";
  } else if (type == "step_skipped") {
    step.status = "skipped";
    step.message = data.value("message", "skipped");
  } else if (type == "step_failed" || type == "approval_refused" || type == "step_cancelled") {
    step.status = type == "step_cancelled" ? "cancelled" : "failed";
    step.ended_us = time;
    step.message =
        (type == "step_cancelled" ? "" : cause + ": ") + first_line(data.value("message", ""));
  } else if (type == "approval_requested") {
    step.status = "awaiting";
    step.message = data.value("message", "");
  } else if (type == "approval_given") {
    // A step that does something goes on; it says so itself.
    step.status = step.uses.empty() ? "succeeded" : "ready";
    step.ended_us = step.uses.empty() ? time : 0;
    step.message = data.value("message", "");
  }
  if (type == "step_expanded") {
    step.status = "expanded";
    step.started_us = time;
    step.message = std::to_string(data.value("items", json::array()).size()) + " items";
  }
  if (step.status == "awaiting") return {found->second};
  if (!is_over(step.status) || is_over(before)) return {};
  std::vector<std::uint32_t> ended{found->second};
  if (step.instance_of != kNone && end_group(step.instance_of, time))
    ended.push_back(step.instance_of);
  return ended;
}

/// A step with a for_each ends with the last of its instances, which no event says.
bool RunView::end_group(std::uint32_t group, std::int64_t time_us) {
  std::string_view worst = "succeeded";
  for (const Step& step : steps_) {
    if (step.instance_of != group) continue;
    if (!is_over(step.status)) return false;
    if (step.status == "failed" || (step.status == "cancelled" && worst != "failed"))
      worst = step.status;
  }
  steps_[group].status = worst;
  steps_[group].ended_us = time_us;
  return true;
}

std::size_t RunView::count(std::string_view status) const {
  return static_cast<std::size_t>(std::count_if(
      steps_.begin(), steps_.end(), [&](const Step& step) { return step.status == status; }));
}

std::size_t RunView::done() const {
  return static_cast<std::size_t>(std::count_if(
      steps_.begin(), steps_.end(), [](const Step& step) { return is_over(step.status); }));
}

std::int64_t RunView::estimate_us(std::int64_t now_us) const {
  std::vector<double> rest(steps_.size(), 0.0);  // until this step is over, by its needs
  double longest = 0;
  for (std::size_t i = 0; i < steps_.size();
       ++i) {  // needs come before what needs them, or are later ones: rare
    const Step& step = steps_[i];
    if (is_over(step.status)) continue;
    const auto before = history_.find(step.name);
    const double usual = before == history_.end() ? -1 : before->second;
    double own = usual;
    if (step.status == "running") {
      const double elapsed = static_cast<double>(now_us - step.started_us) / 1e6;
      if (step.fraction > 0.02) {
        own = elapsed * (1 - step.fraction) / step.fraction;
      } else if (usual >= 0) {
        own = std::max(0.0, usual - elapsed);
      }
    }
    if (own < 0) return 0;
    double start = 0;
    for (const std::uint32_t need : step.needs) start = std::max(start, rest[need]);
    rest[i] = start + own;
    longest = std::max(longest, rest[i]);
  }
  return static_cast<std::int64_t>(longest * 1e6);
}

}  // namespace scanflow::cli
