#include "engine/cli/agent_replay.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "engine/cli/agent_view.hpp"
#include "engine/control/replay.hpp"
#include "engine/pipeline/agent_reader.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kMostRecord = std::size_t{1} << 30, kMostAgent = 4u << 20;

Result<std::string> text_from(const std::string& file, std::size_t most) {
  if (file == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  return read_regular_file(file, most);
}

}  // namespace

int agent_record(const Context& context, const ReplayCommand& command) {
  const auto last = parse_duration(command.last);
  if (!last || *last < 1'000'000)
    return complain(context, kUsage,
                    "--last: " + (last ? "a second at least" : last.error().message));
  if (context.server.empty())
    return complain(
        context, kUsage,
        "a server knows what happened: say which with --server URL or $SCANFLOW_SERVER");
  const auto client = context.client();
  if (!client) return complain(context, client.error());
  const auto answer =
      client->json_of({.target = fmt::format("/api/v1/record?seconds={}", *last / 1'000'000)});
  if (!answer) return complain(context, answer.error());
  std::string lines;
  for (const json& each : answer->at("record"))
    lines += each.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  if (command.to.empty()) {
    fmt::print("{}", lines);
    return kSucceeded;
  }
  std::ofstream out(command.to, std::ios::binary);
  out << lines;
  out.close();
  if (!out) return complain(context, kEngine, command.to + ": cannot be written");
  fmt::print("{}: {} lines\n", command.to, answer->at("record").size());
  return kSucceeded;
}

int agent_replay(const Context& context, const ReplayCommand& command) {
  const auto agent = text_from(command.file, kMostAgent);
  if (!agent) return complain(context, kUsage, agent.error().message);
  const auto text = text_from(command.from, kMostRecord);
  if (!text) return complain(context, kUsage, text.error().message);
  auto catalog = context.catalog();
  if (!catalog) return complain(context, kUsage, catalog.error().message);
  const auto read = pipeline::read_agent(command.file, *agent, *catalog);
  if (!read.agent) return complain(context, kUsage, pipeline::render(read.errors, *agent));
  const auto record = control::read_record(command.from, *text);
  if (!record) return complain(context, kUsage, record.error().message);
  control::ReplayOptions options;
  options.spec = read.agent;
  options.catalog = std::make_shared<const loader::Catalog>(std::move(*catalog));
  options.worker = context.worker;
  options.log = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  const auto decisions = control::replay(options, *record);
  if (!decisions) return complain(context, kEngine, decisions.error().message);
  json rows = json::array();
  for (const control::Decision& each : *decisions) rows.push_back(to_json(each));
  if (context.json) {
    fmt::print("{}\n", json{{"decisions", rows}}.dump());
    return kSucceeded;
  }
  fmt::print("{}", decisions_table(rows));
  fmt::print("{} decisions of {} lines; none was carried out\n", rows.size(), record->size());
  return kSucceeded;
}

}  // namespace scanflow::cli
