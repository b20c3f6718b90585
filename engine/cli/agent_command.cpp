#include "engine/cli/agent_command.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <ctime>
#include <nlohmann/json.hpp>

#include "engine/cli/registry_commands.hpp"
#include "engine/cli/text.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {
namespace {

using nlohmann::json;

api::Answer<json> ask_agents(const Context& context, const std::string& target,
                             const json& body = nullptr) {
  if (context.server.empty()) {
    return tl::unexpected(api::Failure{
        0, kUsage, "agents work in a server: say which with --server URL or $SCANFLOW_SERVER"});
  }
  const auto client = context.client();
  if (!client) return tl::unexpected(client.error());
  if (body.is_null()) return client->json_of({.target = target});
  return client->json_of({.method = "POST", .target = target, .body = body.dump()});
}

std::string when(std::int64_t us) {
  if (us == 0) return "-";
  const auto seconds = static_cast<std::time_t>(us / 1'000'000);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(seconds));
}

/// "NAMESPACE/NAME".
std::string whole_name(const AgentOptions& options) {
  if (options.name.find('/') != std::string::npos) return options.name;
  return (options.name_space.empty() ? "default" : options.name_space) + "/" + options.name;
}

/// Prints the answer as JSON, or as `print` does.
int print_answer(const Context& context, const api::Answer<json>& answer,
                 const std::function<void(const json&)>& print) {
  if (!answer) return complain(context, answer.error());
  if (context.json) {
    fmt::print("{}\n", answer->dump());
  } else {
    print(*answer);
  }
  return kSucceeded;
}

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

int list_agents(const Context& context, const AgentOptions&) {
  return print_answer(context, ask_agents(context, "/api/v1/agents"), [](const json& answer) {
    std::vector<std::vector<std::string>> rows;
    for (const json& row : answer.at("agents")) {
      std::uint64_t fired = 0, decided = 0;
      std::int64_t last_us = 0;
      for (const json& rule : row.at("rules")) {
        fired += rule.at("fired").get<std::uint64_t>();
        decided += rule.at("decided").get<std::uint64_t>();
        last_us = std::max(last_us, rule.at("last_us").get<std::int64_t>());
      }
      rows.push_back({row.at("namespace"), row.at("name"), row.at("template"), row.at("status"),
                      std::to_string(row.at("rules").size()), std::to_string(fired),
                      std::to_string(decided), when(last_us)});
    }
    fmt::print("{}", table({"NAMESPACE", "NAME", "TEMPLATE", "STATUS", "RULES", "FIRED", "DECIDED",
                            "LAST FIRED"},
                           rows, table_width(1), {4, 5, 6}));
  });
}

/// Why it is as it is; else why it was asked for.
std::string why_of(const json& decision) {
  std::string why = decision.at("reason");
  for (const json& each : decision.at("actions"))
    if (why.empty()) why = each.value("reason", "");
  return printable(why);
}

void print_decisions(const json& answer) {
  std::vector<std::vector<std::string>> rows;
  for (const json& row : answer.at("decisions")) {
    rows.push_back({when(row.at("time_us")), short_id(row.at("id")), row.at("agent"),
                    row.at("rule"), row.at("state"), actions_text(row), why_of(row)});
  }
  fmt::print("{}", table({"TIME", "ID", "AGENT", "RULE", "STATE", "ACTIONS", "WHY"}, rows,
                         table_width(1), {}));
}

void print_agent(const json& row) {
  fmt::print("{}/{} (version {})  {}\n", row.at("namespace").get<std::string>(),
             row.at("name").get<std::string>(), row.at("version").dump(),
             row.at("status").get<std::string>());
  if (const std::string problem = row.at("problem"); !problem.empty())
    fmt::print("problem  {}\n", printable(problem));
  for (const json& rule : row.at("rules")) {
    fmt::print("rule {}: {} -> {} ({}); fired {} times, last {}",
               rule.at("name").get<std::string>(), rule.at("trigger").get<std::string>(),
               rule.at("strategy").get<std::string>(), rule.at("mode").get<std::string>(),
               rule.at("fired").dump(), when(rule.at("last_us")));
    if (rule.at("next_us") != 0) fmt::print("; next {}", when(rule.at("next_us")));
    fmt::print("\n");
    if (const std::string problem = rule.at("problem"); !problem.empty())
      fmt::print("  problem: {}\n", printable(problem));
  }
}

int show_agent(const Context& context, const AgentOptions& options) {
  return print_answer(context, ask_agents(context, "/api/v1/agents/" + whole_name(options)),
                      print_agent);
}

int show_decisions(const Context& context, const AgentOptions& options) {
  std::string target = fmt::format("/api/v1/decisions?limit={}", options.limit);
  if (!options.name.empty()) target += "&agent=" + whole_name(options);
  if (options.open) target += "&open=true";
  return print_answer(context, ask_agents(context, target), print_decisions);
}

int approve(const Context& context, const AgentOptions& options) {
  const json body = {{"approve", !options.reject}, {"by", user_name()}};
  return print_answer(context, ask_agents(context, "/api/v1/decisions/" + options.decision, body),
                      [](const json& answer) {
                        fmt::print("{} {}\n", answer.at("id").get<std::string>(),
                                   answer.at("approved") ? "approved" : "rejected");
                      });
}

int pause(const Context& context, const AgentOptions& options, bool paused) {
  const json body = {{"paused", paused}, {"by", user_name()}};
  return print_answer(context,
                      ask_agents(context, "/api/v1/agents/" + whole_name(options) + "/pause", body),
                      [&](const json&) {
                        fmt::print("{} {}\n", whole_name(options), paused ? "paused" : "resumed");
                      });
}

int emit(const Context& context, const AgentOptions& options) {
  const json payload = json::parse(options.payload, nullptr, false);
  if (!payload.is_object())
    return complain(context, kUsage, "--payload: a JSON object: '{\"severity\": 3}'");
  const json body = {{"type", options.type}, {"payload", payload}, {"source", user_name()}};
  return print_answer(context, ask_agents(context, "/api/v1/events", body), [](const json& answer) {
    fmt::print("{} told (number {})\n", answer.at("type").get<std::string>(),
               answer.at("seq").dump());
  });
}

}  // namespace

void add_agent(CLI::App& app, const Context& context, AgentOptions& options,
               std::function<int()>& command) {
  CLI::App* agent = app.add_subcommand(
      "agent", "Agents that a server runs ('apply' registers them), and what they decide");
  agent->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, bool named, std::function<int()> run) {
    CLI::App* each = agent->add_subcommand(name, help);
    if (named) {
      each->add_option("AGENT", options.name, "NAME, or NAMESPACE/NAME")->required();
      add_namespace(*each, options.name_space, "Its namespace (default: default)");
    }
    each->callback([&command, run = std::move(run)] { command = run; });
    return each;
  };
  add("list", "All of them, and how they fare", false,
      [&] { return list_agents(context, options); });
  add("show", "One of them, with its rules", true, [&] { return show_agent(context, options); });
  CLI::App* decisions = add("decisions", "What they have decided, the newest first", false,
                            [&] { return show_decisions(context, options); });
  decisions->add_option("AGENT", options.name, "NAME, or NAMESPACE/NAME; left out: of all");
  add_namespace(*decisions, options.name_space, "Its namespace (default: default)");
  decisions->add_flag("--open", options.open, "Only what is under way, or waits for an approval");
  decisions->add_option("--limit", options.limit, "At most so many")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  CLI::App* answer = add("approve", "Let a decision that waits be carried out, or not", false,
                         [&] { return approve(context, options); });
  answer->add_option("DECISION", options.decision, "Its id, or the beginning of it")->required();
  answer->add_flag("--reject", options.reject, "It is not carried out");
  add("pause", "It notices nothing, and does nothing, until it is resumed", true,
      [&] { return pause(context, options, true); });
  add("resume", "It looks after things again, from now on", true,
      [&] { return pause(context, options, false); });
  CLI::App* event =
      add("emit", "Tell an event to all agents", false, [&] { return emit(context, options); });
  event->add_option("TYPE", options.type, "Such as drift.noticed")->required();
  event->add_option("--payload", options.payload, "What it says: a JSON object")
      ->capture_default_str();
}

}  // namespace scanflow::cli
