#include "engine/cli/steps_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "engine/cli/pod_view.hpp"
#include "engine/cli/text.hpp"
#include "sdk/base/units.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {

using nlohmann::json;

namespace {

constexpr std::size_t kMostRows = 60;  // beyond: only some of what went well

std::size_t depth_of(const json& step) { return step.value("depth", std::size_t{0}); }

bool is_fine(std::string_view status) {
  return status == "succeeded" || status == "cached" || status == "skipped";
}

std::string words_of(const json& step) {
  if (step.contains("approval")) return step["approval"].value("message", "");
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

/// "2", and of two at once which: "1|2" run, "2 of 1|2" was first.
std::string attempts_cell(const json& step) {
  const int attempts = step.at("attempts");
  const auto hedged = step.find("hedged");
  if (hedged == step.end()) return std::to_string(attempts);
  std::string both;
  for (const json& each : hedged->at("attempts"))
    both += (both.empty() ? "" : "|") + each.at("attempt").dump();
  const json& first = hedged->at("first");
  return first.is_null() ? both : first.dump() + " of " + both;
}

std::vector<std::string> row_of(const json& step) {
  const std::string status = step.at("status");
  const bool tolerated = step.value("tolerated", false);
  const bool timed = status == "succeeded" || status == "failed" || status == "running";
  const double seconds = step.at("seconds");
  const int attempts = step.at("attempts");
  return {fmt::format("  {}{} {}", std::string(2 * depth_of(step), ' '), status_sign(status),
                      step.at("name").get<std::string>()),
          tolerated ? status + ", as it may" : status,
          timed && seconds > 0 ? format_duration(static_cast<std::int64_t>(seconds * 1e6)) : "",
          attempts > 0 ? attempts_cell(step) : "",
          pod_cell(step.value("pod", json())),
          printable(words_of(step))};
}

/// "a" of "a[3]", the same for all instances of one step in one run.
std::string origin_of(const json& step) {
  const std::string name = step.at("name");
  return step.value("of", "") + "/" + name.substr(0, name.find('['));
}

bool is_instance(const json& step) {
  return step.at("name").get<std::string>().find('[') != std::string::npos;
}

/// "a[3]": it came with a for_each; the instances of a matrix are the plan's own.
bool is_item(const json& step) {
  const std::string name = step.at("name");
  const std::size_t open = name.rfind('[');
  return open != std::string::npos &&
         name.find_first_not_of("0123456789", open + 1) == name.size() - 1;
}

/// Which of so many are shown: what went wrong first, then the plan's own steps, then the first
/// items.
std::vector<bool> choose(const json& steps) {
  std::vector<bool> shown(steps.size());
  std::size_t rows = 0;
  const auto show = [&](auto&& wanted) {
    for (std::size_t i = 0; i < steps.size() && rows < kMostRows; ++i) {
      if (shown[i] || !wanted(steps[i])) continue;
      shown[i] = true;
      ++rows;
    }
  };
  show([](const json& step) { return !is_fine(step.at("status").get<std::string>()); });
  rows = 0;  // what went wrong takes no place from the plan's own steps
  show([](const json& step) { return !is_item(step); });
  rows = static_cast<std::size_t>(std::count(shown.begin(), shown.end(), true));
  show([](const json&) { return true; });
  return shown;
}

std::string with_commas(std::size_t number) {
  std::string text;
  for (; number >= 1000; number /= 1000) text = fmt::format(",{:03}{}", number % 1000, text);
  return fmt::format("{}{}", number, text);
}

/// "and 9,990 more instances of each"
std::string left_out(const json& steps, const std::vector<bool>& shown) {
  std::map<std::string, std::size_t> instances;
  std::vector<std::pair<std::string, std::string>> order;  // origin, name
  std::size_t others = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (shown[i]) continue;
    if (!is_instance(steps[i])) {
      ++others;
      continue;
    }
    const std::string origin = origin_of(steps[i]);
    if (instances[origin]++ == 0) order.emplace_back(origin, origin.substr(origin.rfind('/') + 1));
  }
  constexpr std::size_t kNames = 20;
  std::string text;
  for (std::size_t i = 0; i < order.size() && i < kNames; ++i) {
    const std::size_t count = instances[order[i].first];
    text += fmt::format("  and {} more instance{} of {}\n", with_commas(count),
                        count == 1 ? "" : "s", order[i].second);
  }
  for (std::size_t i = kNames; i < order.size(); ++i) others += instances[order[i].first];
  if (others > 0)
    text += fmt::format("  and {} more step{}\n", with_commas(others), others == 1 ? "" : "s");
  return text;
}

void add_cell(api::Runs& runs, const json& document, std::size_t depth, json& all) {
  const std::string run = document.at("run");
  for (json step : document.at("steps")) {
    const std::string called = step.value("run", "");
    step["depth"] = depth;
    step["of"] = run;
    // Called ones may have begun in the same millisecond.
    step["known"] = depth == 0 ? short_id(run) : run;
    all.push_back(std::move(step));
    if (called.empty()) continue;
    if (const auto shown = runs.show(called)) add_cell(runs, *shown, depth + 1, all);
  }
}

}  // namespace

json with_called(const Context& context, const json& result) {
  const auto runs = open_runs(context);
  json all = json::array();
  if (runs) {
    add_cell(**runs, result, 0, all);
    return all;
  }
  for (json step : result.at("steps")) {
    step["known"] = short_id(result.at("run"));
    all.push_back(std::move(step));
  }
  return all;
}

std::string steps_table(const json& steps, std::size_t width) {
  const std::vector<bool> shown =
      steps.size() > kMostRows ? choose(steps) : std::vector<bool>(steps.size(), true);
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (shown[i]) rows.push_back(row_of(steps[i]));
  }
  if (rows.empty()) return {};
  std::vector<std::string> header{"  STEP", "STATUS", "TIME", "TRIES", "POD", ""};
  constexpr std::size_t kPod = 4;
  if (std::all_of(rows.begin(), rows.end(), [](const auto& row) { return row[kPod].empty(); })) {
    header.erase(header.begin() + kPod);
    for (auto& row : rows) row.erase(row.begin() + kPod);
  }
  return table(header, rows, width, {2, 3}) + left_out(steps, shown);
}

}  // namespace scanflow::cli
