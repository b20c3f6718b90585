// scanflow run --dry-run
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "engine/cli/commands.hpp"
#include "engine/cli/text.hpp"
#include "sdk/base/units.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {

using nlohmann::json;

namespace {

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// The first line of a script that does something, and whether there are more.
std::string first_line_of(const std::string& script) {
  const std::size_t begin = script.find_first_not_of(" \t\n");
  if (begin == std::string::npos) return {};
  const std::size_t end = std::min(script.find('\n', begin), script.size());
  const bool more = script.find_first_not_of(" \t\n", end) != std::string::npos;
  return script.substr(begin, end - begin) + (more ? " ..." : "");
}

/// name=value of all that is short enough to be read in a line, and known.
std::string values(const json& map) {
  constexpr std::size_t kShort = 60;
  std::string text;
  for (const auto& [name, value] : map.items()) {
    if (name == "run" || name == "shell") continue;  // a script is read in its file
    const bool artifact = value.is_object() && value.contains("artifact");
    const std::string shown = artifact ? value.value("path", "") : text_of(value);
    const bool fits = shown.size() <= kShort && shown.find('\n') == std::string::npos &&
                      shown.find("${{") == std::string::npos;
    if (artifact || fits) text += fmt::format("{}{}={}", text.empty() ? "" : "  ", name, shown);
  }
  return text;
}

std::string words(std::string status) {
  std::replace(status.begin(), status.end(), '_', ' ');
  return status;
}

/// What a step would be given, and for a command what it does.
std::string resolved(const json& step) {
  const json& with = step.at("with");
  std::vector<std::string> parts;
  if (!step.at("item").is_null()) parts.push_back(values({{"item", step.at("item")}}));
  parts.push_back(values(with));
  if (with.contains("run") && with["run"].is_string())
    parts.push_back("$ " + first_line_of(with["run"].get<std::string>()));
  std::erase(parts, "");
  return fmt::format("{}", fmt::join(parts, "  "));
}

/// What is behind the status of a step.
std::string status_words(const json& step) {
  const std::string status = step.at("status");
  if (status == "cached") {
    const json& cached = step.at("cached");
    const auto age_us = static_cast<std::int64_t>(cached.at("age_seconds").get<double>() * 1e6);
    return fmt::format("from run {}, {} old", short_id(cached.at("run")), format_duration(age_us));
  }
  if (status == "unknown") {
    std::string names;
    for (const json& name : step.at("until"))
      names += (names.empty() ? "" : ", ") + name.get<std::string>();
    return names.empty() ? "until it runs: it asks for metrics" : "until " + names + " has run";
  }
  return step.at("message");
}

std::string details(const json& step) {
  const std::string status = step.at("status");
  const std::string words = status_words(step);
  const std::string values = status == "skipped" || status == "refused" ? "" : resolved(step);
  return words + (words.empty() || values.empty() ? "" : "; ") + values;
}

std::string render(const json& document) {
  std::vector<std::vector<std::string>> rows;
  std::map<std::string, std::size_t> counts;
  std::vector<std::string> handlers;
  for (const json& step : document.at("steps")) {
    const std::string status = step.at("status");
    const std::string phase = step.at("phase");
    const bool own = step.at("depth") == 0;
    if (own && phase == "main") ++counts[status];
    if (own && phase != "main") handlers.push_back(step.at("name"));
    rows.push_back({fmt::format("  {}{}", phase == "main" ? "" : phase + " ",
                                step.at("level").get<std::uint32_t>()),
                    std::string(2 * step.at("depth").get<std::size_t>(), ' ') +
                        step.at("name").get<std::string>(),
                    words(status), printable(details(step))});
  }
  std::string text = fmt::format("{}  a dry run\n", document.at("pipeline").get<std::string>());
  if (const std::string params = values(document.at("params")); !params.empty())
    text += "  " + printable(params) + "\n";
  text += "\n" + table({"  LEVEL", "STEP", "WHAT", ""}, rows, table_width(STDOUT_FILENO));
  std::string summary;
  for (const auto& [status, count] : counts)
    summary += fmt::format("{}{} {}", summary.empty() ? "" : ", ", count, words(status));
  if (!handlers.empty())
    summary +=
        fmt::format("; handler{}: {}", handlers.size() == 1 ? "" : "s", fmt::join(handlers, ", "));
  return text + "\n" + summary + "; nothing was run\n";
}

/// As the run would end, as far as that is known.
int exit_of(const json& document) {
  int exit = kSucceeded;
  for (const json& step : document.at("steps")) {
    if (step.at("status") == "refused") return kUsage;
    if (step.at("status") == "would_fail") exit = kRunFailed;
  }
  return exit;
}

}  // namespace

int show_plan(const Context& context, const api::Answer<json>& plan) {
  if (!plan) return complain(context, plan.error());
  if (context.json) {
    fmt::print("{}\n", plan->dump());
  } else {
    fmt::print("{}", render(*plan));
  }
  return exit_of(*plan);
}

}  // namespace scanflow::cli
