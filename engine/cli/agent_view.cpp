#include "engine/cli/agent_view.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

#include "engine/cli/context.hpp"
#include "engine/cli/text.hpp"
#include "sdk/base/units.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {
namespace {

using nlohmann::json;

std::string actions_text(const json& decision) {
  std::string text;
  for (const json& each : decision.at("actions")) {
    const json& outcome = each.at("outcome");
    text += fmt::format("{}{}", text.empty() ? "" : ", ", each.at("primitive").get<std::string>());
    if (outcome.is_string() && outcome != "DONE")
      text += fmt::format(" ({})", outcome.get<std::string>());
  }
  return text;
}

/// Why it is as it is; else why it was asked for.
std::string why_of(const json& decision) {
  std::string why = decision.at("reason");
  for (const json& each : decision.at("actions"))
    if (why.empty()) why = each.value("reason", "");
  const json goal = decision.at("evidence").value("goal", json());
  if (goal.is_object() && goal.contains("after"))
    why += fmt::format("{}goal {} -> {} after {}", why.empty() ? "" : "; ",
                       goal.value("before", json()).dump(), goal.at("after").dump(),
                       format_duration(goal.value("after_us", std::int64_t{0})));
  return printable(why);
}

}  // namespace

std::string local_time(std::int64_t us) {
  if (us == 0) return "-";
  const auto seconds = static_cast<std::time_t>(us / 1'000'000);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(seconds));
}

std::string run_by_text(const json& agent) {
  if (agent.value("runs", "server") == "server") return "in the server";
  const json by = agent.value("run_by", json());
  if (by.is_null()) return "waits for its process";
  return fmt::format("at {} ({})", printable(by.at("host").get<std::string>()),
                     by.at("pid").dump());
}

std::string decisions_table(const json& decisions) {
  std::vector<std::vector<std::string>> rows;
  for (const json& row : decisions) {
    rows.push_back({local_time(row.at("time_us")), short_id(row.at("id")), row.at("agent"),
                    row.at("rule"), row.at("state"), actions_text(row), why_of(row)});
  }
  return table({"TIME", "ID", "AGENT", "RULE", "STATE", "ACTIONS", "WHY"}, rows, table_width(1),
               {});
}

}  // namespace scanflow::cli
