#include "engine/cli/application_view.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <vector>

#include "engine/cli/text.hpp"
#include "sdk/base/units.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {
namespace {

using nlohmann::json;

std::string amount_text(const std::string& name, const json& value) {
  if (name == "memory") return value == 0 ? "0" : format_bytes(value.get<std::uint64_t>());
  return value.is_number_float() ? fmt::format("{:g}", value.get<double>()) : value.dump();
}

/// "2/4"; without a limit "2".
std::string quota_cell(const json& team, const char* name) {
  for (const json& row : team.at("quota")) {
    if (row.at("name") != name) continue;
    const json& limit = row.at("limit");
    return amount_text(name, row.at("used")) +
           (limit.is_null() ? "" : "/" + amount_text(name, limit));
  }
  return {};
}

std::string list_words(const json& list) {
  std::string text;
  for (const json& each : list) {
    text += text.empty() ? "" : ", ";
    if (each.is_string()) {
      text += each.get<std::string>();
      continue;
    }
    for (const auto& [kind, value] : each.items())
      text += fmt::format("{} {}", kind,
                          value.is_string() ? value.get<std::string>()
                                            : fmt::format("{}/{}", value.value("name", ""),
                                                          value.value("key", "")));
  }
  return printable(text);
}

std::string runs_cell(const json& team) {
  const std::string cell = quota_cell(team, "runs");
  const json& queued = team.at("queued");
  return queued == 0 ? cell : fmt::format("{} +{} queued", cell, queued.dump());
}

std::string waiting_line(const json& waiting) {
  return printable(fmt::format("{} {}: {}", short_id(waiting.at("run")),
                               waiting.at("pipeline").get<std::string>(),
                               waiting.at("why").get<std::string>()));
}

}  // namespace

std::string applications_table(const json& applications, std::size_t width) {
  std::vector<std::vector<std::string>> rows;
  for (const json& each : applications) {
    json namespaces = json::array();
    for (const json& team : each.at("teams")) namespaces.push_back(team.at("namespace"));
    rows.push_back({each.at("namespace"), each.at("name"), each.at("version").dump(),
                    std::to_string(namespaces.size()), list_words(namespaces)});
  }
  return table({"NAMESPACE", "NAME", "VERSION", "TEAMS", "THEIR NAMESPACES"}, rows, width, {2, 3});
}

std::string application_text(const json& application, std::size_t width) {
  std::vector<std::vector<std::string>> rows;
  std::string rights, waiting;
  for (const json& team : application.at("teams")) {
    const json& documents = team.at("documents");
    rows.push_back({team.at("name"), team.at("namespace"), runs_cell(team),
                    quota_cell(team, "cpus"), quota_cell(team, "memory"), quota_cell(team, "gpus"),
                    documents.at("Pipeline").dump(), quota_cell(team, "services"),
                    documents.at("Agent").dump()});
    const json& secrets = team.at("secrets");
    const json& uses = team.at("uses");
    rights += fmt::format("{} may use {}; its secrets: {}\n", team.at("name").get<std::string>(),
                          uses.empty() ? "its own pipelines alone" : list_words(uses),
                          secrets.is_null() ? "any"
                          : secrets.empty() ? "none"
                                            : list_words(secrets));
    for (const json& each : team.at("waiting")) waiting += waiting_line(each) + "\n";
  }
  return fmt::format("{}/{} (version {})\n\n{}\n{}{}{}",
                     application.at("namespace").get<std::string>(),
                     application.at("name").get<std::string>(), application.at("version").dump(),
                     table({"TEAM", "NAMESPACE", "RUNS", "CPUS", "MEMORY", "GPUS", "PIPELINES",
                            "SERVICES", "AGENTS"},
                           rows, width, {2, 3, 4, 5, 6, 7, 8}),
                     rights, waiting.empty() ? "" : "\n", waiting);
}

std::string waiting_lines(const json& top) {
  std::string text;
  for (const json& each : top.value("waiting", json::array())) text += waiting_line(each) + "\n";
  return text;
}

std::string waiting_summary(const json& top) {
  const json waiting = top.value("waiting", json::array());
  if (waiting.empty()) return {};
  return fmt::format("{} run{} for a quota: {}", waiting.size(),
                     waiting.size() == 1 ? " waits" : "s wait", waiting_line(waiting.front()));
}

}  // namespace scanflow::cli
