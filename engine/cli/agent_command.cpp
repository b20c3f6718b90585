#include "engine/cli/agent_command.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "engine/cli/agent_replay.hpp"
#include "engine/cli/agent_run.hpp"
#include "engine/cli/agent_view.hpp"
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
                      run_by_text(row), std::to_string(row.at("rules").size()),
                      std::to_string(fired), std::to_string(decided), local_time(last_us)});
    }
    fmt::print("{}", table({"NAMESPACE", "NAME", "TEMPLATE", "STATUS", "RUNS", "RULES", "FIRED",
                            "DECIDED", "LAST FIRED"},
                           rows, table_width(1), {5, 6, 7}));
  });
}

void print_decisions(const json& answer) {
  fmt::print("{}", decisions_table(answer.at("decisions")));
}

void print_agent(const json& row) {
  fmt::print("{}/{} (version {})  {}; runs {}\n", row.at("namespace").get<std::string>(),
             row.at("name").get<std::string>(), row.at("version").dump(),
             row.at("status").get<std::string>(), run_by_text(row));
  if (const std::string problem = row.at("problem"); !problem.empty())
    fmt::print("problem  {}\n", printable(problem));
  for (const json& rule : row.at("rules")) {
    fmt::print("rule {}: {} -> {} ({}); fired {} times, last {}",
               rule.at("name").get<std::string>(), rule.at("trigger").get<std::string>(),
               rule.at("strategy").get<std::string>(), rule.at("mode").get<std::string>(),
               rule.at("fired").dump(), local_time(rule.at("last_us")));
    if (rule.at("next_us") != 0) fmt::print("; next {}", local_time(rule.at("next_us")));
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
      "agent", "Agents of a server ('apply' registers them), and what they decide");
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
  CLI::App* run = add(
      "run",
      "Run one with 'runs: process' in this process, for its server, until it is ended or deleted",
      true, [&] {
        options.run.agent = whole_name(options);
        return agent_run(context, options.run);
      });
  run->add_option("-f,--file", options.run.file, "Apply this first")->type_name("FILE");
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
  CLI::App* record = add("record", "What agents could be woken by lately, for replays", false,
                         [&] { return agent_record(context, options.replay); });
  record->add_option("--last", options.replay.last, "Of how long")
      ->type_name("TIME")
      ->capture_default_str();
  record->add_option("--to", options.replay.to, "A file (else stdout)")->type_name("FILE");
  CLI::App* replay =
      add("replay", "Which decisions would it have taken? Nothing of them is carried out", false,
          [&] { return agent_replay(context, options.replay); });
  replay->add_option("FILE", options.replay.file, "Of the agent")->required();
  replay->add_option("--from", options.replay.from, "What 'record' wrote; '-': stdin")
      ->required()
      ->type_name("RECORD");
  event->add_option("TYPE", options.type, "Such as drift.noticed")->required();
  event->add_option("--payload", options.payload, "What it says: a JSON object")
      ->capture_default_str();
}

}  // namespace scanflow::cli
