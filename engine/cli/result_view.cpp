// The end of a run, for people: a table, what went wrong, what it means, what to do next.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "engine/cli/commands.hpp"
#include "engine/cli/text.hpp"
#include "engine/runtime/active_run.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::cli {

using nlohmann::json;

namespace {

constexpr std::size_t kMostRows = 60;  // beyond: only what did not go well
constexpr std::size_t kMostErrors = 5;

std::string words_of(const json& step) {
  const json& outputs = step.at("outputs");
  if (outputs.contains("summary") && outputs["summary"].is_string()) return outputs["summary"];
  if (step.at("error").is_object()) return step.at("error").value("cause", "");
  std::string words;
  for (const auto& [name, value] : outputs.items()) {
    if (!value.is_primitive() || words.size() > 80) continue;
    words += fmt::format("{}{}={}", words.empty() ? "" : "  ", name,
                         value.is_string() ? value.get<std::string>() : value.dump());
  }
  return words;
}

std::string attempts_of(const json& step) {
  const int attempts = step.at("attempts");
  return attempts > 0 ? std::to_string(attempts) : "";
}

/// The steps of runs that steps have called behind them, one level in. Those of a run that cannot be
/// read (any more) are left out.
void add_nested(const store::Store& store, const json& steps, std::size_t depth, json& all) {
  for (json step : steps) {
    const std::string run = step.value("run", "");
    step["depth"] = depth;
    all.push_back(std::move(step));
    const auto rows = run.empty() ? Result<std::vector<store::RunRow>>() : store.find_runs(run);
    const auto called = run.empty() ? Result<std::vector<store::StepRow>>() : store.steps(run);
    if (!rows || !called || rows->empty()) continue;
    const json document =
        runtime::result_document(rows->front(), *called, runtime::called_runs(store, run));
    add_nested(store, document.at("steps"), depth + 1, all);
  }
}

json with_nested(const Context& context, const json& steps) {
  const bool any = std::any_of(steps.begin(), steps.end(),
                               [](const json& step) { return step.contains("run"); });
  const auto state = any ? context.state_directory() : fail("");
  const auto store = state ? store::Store::open_read_only(state->root) : fail("");
  if (!store) return steps;
  json all = json::array();
  add_nested(**store, steps, 0, all);
  return all;
}

std::string steps_table(const json& steps) {
  std::vector<std::vector<std::string>> rows;
  std::size_t left_out = 0;
  for (const json& step : steps) {
    const std::string status = step.at("status");
    const bool fine = status == "succeeded" || status == "cached" || status == "skipped";
    if (steps.size() > kMostRows && (fine || rows.size() >= kMostRows)) {
      ++left_out;
      continue;
    }
    const double seconds = step.at("seconds");
    rows.push_back(
        {fmt::format("  {}{} {}", std::string(2 * step.value("depth", std::size_t{0}), ' '),
                     status_sign(status), step.at("name").get<std::string>()),
         status,
         status == "succeeded" || status == "failed"
             ? format_duration(static_cast<std::int64_t>(seconds * 1e6))
             : "",
         attempts_of(step), printable(words_of(step))});
  }
  std::string text;
  if (!rows.empty()) {
    text = table({"  STEP", "STATUS", "TIME", "TRIES", ""}, rows,
                 static_cast<std::size_t>(terminal_width(STDOUT_FILENO)), {2, 3});
  }
  if (left_out > 0)
    text += fmt::format("  and {} more steps: 'scanflow runs show -o json'\n", left_out);
  return text;
}

/// The whole error of each failed step; the table shows its cause only.
std::string failures(const json& steps) {
  std::string text;
  std::size_t failed = 0;
  for (const json& step : steps) {
    if (step.at("status") != "failed" || !step.at("error").is_object() || ++failed > kMostErrors)
      continue;
    text += fmt::format("\n{}  {} after {} {}: {}\n", step.at("name").get<std::string>(),
                        step.at("status").get<std::string>(), step.at("attempts").get<int>(),
                        step.at("attempts") == 1 ? "attempt" : "attempts",
                        step.at("error").value("cause", ""));
    std::string message = step.at("error").value("message", "");
    for (std::size_t at = 0; at <= message.size();) {
      const std::size_t end = std::min(message.find('\n', at), message.size());
      text += "  " + printable(message.substr(at, end - at)) + "\n";
      at = end + 1;
    }
  }
  if (failed > kMostErrors)
    text += fmt::format("\nand {} more: -o json shows their errors\n", failed - kMostErrors);
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
  const json& steps = result.at("steps");
  const std::string status = result.at("status");
  const std::string run = short_id(result.at("run"));
  const bool color = use_color(STDOUT_FILENO);
  const std::string state = context.state.empty() ? "" : " --state " + context.state;
  std::string text = "\n" + steps_table(with_nested(context, steps)) + failures(steps) + "\n";
  text += fmt::format(
      "{} in {}", paint(status, status_color(status), color),
      format_duration(static_cast<std::int64_t>(result.at("seconds").get<double>() * 1e6)));
  if (const std::string facts = meaning(steps); !facts.empty()) text += ": " + facts;
  constexpr std::string_view kFailed = "failed: ";  // said already
  if (std::string summary = result.value("summary", ""); summary.starts_with(kFailed))
    text += ": " + summary.substr(kFailed.size());
  text += "\n";
  std::string failed_step;
  for (const json& step : steps) {
    if (failed_step.empty() && step.at("status") == "failed") failed_step = step.at("name");
    for (const auto& [name, artifact] : step.at("artifacts").items()) {
      const bool page = artifact.value("directory", false) && name == "report";
      if (page)
        text += fmt::format("report: {}/index.html\n", artifact.at("path").get<std::string>());
    }
  }
  if (status == "interrupted") {
    text += fmt::format("go on with it: scanflow runs resume {}{}\n", run, state);
  } else if (!failed_step.empty()) {
    text += fmt::format("its log: scanflow runs logs {} '{}'{}\n", run, failed_step, state);
  } else if (what == ResultOf::this_run) {
    text += fmt::format("more: scanflow runs show {}{}\n", run, state);
  }
  return text;
}

}  // namespace scanflow::cli
