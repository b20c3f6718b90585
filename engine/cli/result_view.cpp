// The end of a run, for people: a table, what went wrong, what it means, what to do next.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "engine/cli/commands.hpp"
#include "engine/cli/hint.hpp"
#include "engine/cli/pod_view.hpp"
#include "engine/cli/post_mortem_view.hpp"
#include "engine/cli/ranks_view.hpp"
#include "engine/cli/steps_view.hpp"
#include "engine/cli/text.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/units.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {

using nlohmann::json;

namespace {

constexpr std::size_t kMostErrors = 5;

bool is_failure(const json& step) {
  return step.at("status") == "failed" && step.at("error").is_object();
}
bool is_tolerated(const json& step) { return step.value("tolerated", false); }

/// "failed after 2 attempts"
std::string how_it_ended(const json& step) {
  const int attempts = step.at("attempts");
  if (attempts == 0) return "failed, never started";
  return fmt::format("failed after {} attempt{}", attempts, attempts == 1 ? "" : "s");
}

std::string lines_of(const std::string& message) {
  std::string text;
  for (std::size_t at = 0; at <= message.size();) {
    const std::size_t end = std::min(message.find('\n', at), message.size());
    text += "  " + printable(message.substr(at, end - at)) + "\n";
    at = end + 1;
  }
  return text;
}

/// What its sidecar saw of its end. `run`: that is retried where it goes on from a checkpoint.
std::string post_mortem(const Context& context, const json& step, const std::string& run) {
  const json& error = step.at("error");
  const Ended ended{step.value("post_mortem", json()), error.value("message", ""),
                    error.value("cause", ""), hint(context, {"runs", "retry", run})};
  return post_mortem_lines(ended, table_width(STDOUT_FILENO), letters_of_environment());
}

/// The whole error of each step that made the run fail, where the table shows its cause only, and of
/// those within it what sidecars saw of their end; of those that may fail a line each, behind them.
std::string failures(const Context& context, const json& steps, const std::string& run) {
  std::string text, tolerated;
  std::size_t failed = 0, allowed = 0;
  for (const json& step : steps) {
    if (!is_failure(step)) continue;
    const std::string name = step.at("name");
    const std::string cause = step.at("error").value("cause", "");
    const std::string message = step.at("error").value("message", "");
    if (step.value("depth", 0) > 0) {
      const std::string seen = post_mortem(context, step, run);
      if (seen.empty() || is_tolerated(step) || failed > kMostErrors) continue;
      text += fmt::format("\n{}  {}: {}\n{}", name, how_it_ended(step), cause, seen);
    } else if (is_tolerated(step)) {
      if (++allowed > kMostErrors) continue;
      tolerated +=
          fmt::format("{}  {}, as it may (allow_failure): {}: {}\n", name, how_it_ended(step),
                      cause, printable(message.substr(0, message.find('\n'))));
    } else if (++failed <= kMostErrors) {
      text += fmt::format("\n{}  {}: {}\n{}{}", name, how_it_ended(step), cause, lines_of(message),
                          post_mortem(context, step, run));
    }
  }
  if (failed > kMostErrors)
    text += fmt::format("\nand {} more: -o json shows their errors\n", failed - kMostErrors);
  if (allowed > kMostErrors)
    tolerated += fmt::format("and {} more that may fail\n", allowed - kMostErrors);
  return text + (tolerated.empty() ? "" : "\n" + tolerated);
}

/// Of the step that made the run fail, or of the one within it; "" where no attempt was made.
std::string log_hint(const Context& context, const json& steps) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto fails = [&](std::size_t at) {
      return is_failure(steps[at]) && !is_tolerated(steps[at]);
    };
    if (!fails(i)) continue;
    const std::size_t depth = steps[i].value("depth", std::size_t{0});
    std::size_t inner = i;
    for (std::size_t j = i + 1; j < steps.size(); ++j) {
      const std::size_t below = steps[j].value("depth", std::size_t{0});
      if (below <= depth) break;
      if (fails(j) && below == steps[inner].value("depth", std::size_t{0}) + 1) inner = j;
    }
    if (steps[inner].at("attempts") == 0) continue;
    return "its log: " +
           hint(context, {"runs", "logs", steps[inner].at("known"), steps[inner].at("name")}) +
           "\n";
  }
  return {};
}

/// What people are asked, and how they answer.
std::string questions(const Context& context, const json& steps) {
  const std::int64_t now = wall_us();
  std::string text;
  for (const json& step : steps) {
    if (!step.contains("approval")) continue;
    const json& asked = step.at("approval");
    const std::string message = asked.value("message", "");
    const std::int64_t since = asked.at("since_us"), until = asked.at("until_us");
    text += fmt::format("\n{} waits for an approval{}\n  since {} ({}), ",
                        step.at("name").get<std::string>(),
                        message.empty() ? "" : ": " + printable(message), format_time(since),
                        format_age(since, now));
    text += until == 0
                ? "for as long as it takes\n"
                : fmt::format("until {} (in {}); then it is {}\n", format_time(until),
                              format_duration(std::max<std::int64_t>(until - now, 0)),
                              asked.value("default", "") == "approve" ? "approved" : "rejected");
    text += "  " + hint(context, {"runs", "approve", step.at("known"), step.at("name")}) +
            "   (or with --reject)\n";
  }
  return text;
}

std::string number(const json& value) { return fmt::format("{:.4g}", value.get<double>()); }

/// "test accuracy 0.981, registered mnist_cnn version 3"
std::string meaning(const json& steps) {
  std::vector<std::string> facts;
  for (const json& step : steps) {
    const json& outputs = step.at("outputs");
    if (outputs.contains("confusion") && outputs.contains("accuracy") &&
        outputs["accuracy"].is_number()) {
      facts.push_back("test accuracy " + number(outputs["accuracy"]));
    }
    if (outputs.contains("version") && outputs.contains("sha256") && outputs.contains("name") &&
        outputs["name"].is_string()) {
      facts.push_back(fmt::format("registered {} version {}", outputs["name"].get<std::string>(),
                                  outputs["version"].dump()));
    }
  }
  return facts.empty() ? "" : fmt::format("{}", fmt::join(facts, ", "));
}

}  // namespace

std::string render_result(const Context& context, const json& result, ResultOf what) {
  const json steps = with_called(context, result);
  const std::string status = result.at("status");
  const std::string run = short_id(result.at("run"));
  const bool color = use_color(STDOUT_FILENO);
  const auto lasted = static_cast<std::int64_t>(result.at("seconds").get<double>() * 1e6);
  const bool goes_on = status == "running" || status == "queued";
  std::string pods = pods_line(steps);
  if (!pods.empty()) pods = "\n" + pods + "\n";
  std::string text = "\n" + steps_table(steps, table_width(STDOUT_FILENO)) + pods +
                     ranks_lines(steps) + failures(context, steps, run) +
                     questions(context, steps) + "\n";
  text += fmt::format("{} {} {}", paint(status, status_color(status), color),
                      goes_on                   ? "for"
                      : status == "interrupted" ? "after"
                                                : "in",
                      format_duration(lasted));
  if (const std::string facts = meaning(result.at("steps")); !facts.empty()) text += ": " + facts;
  const std::string said = status + ": ";  // already
  if (std::string summary = result.value("summary", "");
      (status == "failed" || status == "queued") && summary.starts_with(said))
    text += ": " + summary.substr(said.size());
  text += "\n";
  for (const json& step : result.at("steps")) {
    const json& artifacts = step.at("artifacts");
    if (const auto report = artifacts.find("report");
        report != artifacts.end() && report->value("directory", false))
      text += fmt::format("report: {}/index.html\n", report->at("path").get<std::string>());
  }
  if (status == "interrupted") {
    return text + "go on with it: " + hint(context, {"runs", "resume", run}) + "\n";
  }
  const std::string log = log_hint(context, steps);
  if (!log.empty()) return text + log;
  if (what == ResultOf::this_run) text += "more: " + hint(context, {"runs", "show", run}) + "\n";
  return text;
}

}  // namespace scanflow::cli
