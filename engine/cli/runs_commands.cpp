// scanflow runs list | show | logs | events
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <limits>
#include <optional>

#include "engine/cli/commands.hpp"
#include "engine/cli/hint.hpp"
#include "engine/cli/primitive_commands.hpp"
#include "engine/cli/text.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/units.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {

using nlohmann::json;

namespace {

/// Where runs were looked for.
std::string place_of(const Context& context) {
  if (!context.server.empty()) return context.server;
  const auto state = context.state_directory();
  return state ? state->root.string() : std::string();
}

constexpr std::size_t kEventsAtOnce = 10'000;

void print_event(const json& event, std::int64_t first_us) {
  const std::string type = event.value("type", "");
  std::string rest = event.value("cause", "");
  if (event.contains("data") && type != "run_created")
    rest += (rest.empty() ? "" : "  ") + event["data"].dump();
  std::string what = event.value("step", "");
  if (const int attempt = event.value("attempt", 0); attempt > 1)
    what += fmt::format(" #{}", attempt);
  const std::string line = fmt::format(
      "{:>5} {:>10.3f} s  {:<17} {}  {}", event.at("seq").get<std::int64_t>(),
      static_cast<double>(event.value("time_us", first_us) - first_us) / 1e6, type, what, rest);
  fmt::print("{}\n", fit(trimmed(line), static_cast<std::size_t>(terminal_width(STDOUT_FILENO))));
}

}  // namespace

int runs_list(const Context& context, const ListCommand& command) {
  const auto runs = open_runs(context);
  if (!runs) return complain(context, runs.error());
  const auto listed = (*runs)->list({command.name_space, command.pipeline, command.labels,
                                     command.since, command.statuses, command.limit, ""});
  if (!listed) return complain(context, listed.error());
  const json& list = listed->at("runs");
  if (context.json) {
    fmt::print("{}\n", list.dump());
    return kSucceeded;
  }
  const std::int64_t now = wall_us();
  std::vector<std::vector<std::string>> rows;
  for (const json& run : list) {
    const std::string status = run.at("status");
    const std::int64_t created_us = run.at("created_us"), ended_us = run.at("ended_us");
    rows.push_back(
        {short_id(run.at("run")), short_name(run),
         std::string(status_sign(status == "interrupted" ? "running" : status)) + " " + status,
         fmt::format("{}/{}", run.at("done").get<std::uint32_t>(),
                     run.at("steps").get<std::uint32_t>()),
         status == "interrupted" ? "-"
                                 : format_duration((ended_us > 0 ? ended_us : now) - created_us),
         format_age(created_us, now),
         status == "interrupted"
             ? "go on: " + hint(context, {"runs", "resume", short_id(run.at("run"))})
             : run.at("summary").get<std::string>()});
  }
  if (rows.empty()) {
    fmt::print("no such runs in {}\n", place_of(context));
    return kSucceeded;
  }
  fmt::print("{}", table({"RUN", "PIPELINE", "STATUS", "STEPS", "TIME", "STARTED", ""}, rows,
                         table_width(STDOUT_FILENO), {3, 4}));
  return kSucceeded;
}

int runs_show(const Context& context, const std::string& prefix) {
  const auto runs = open_runs(context);
  if (!runs) return complain(context, runs.error());
  const auto id = (*runs)->find(prefix);
  if (!id) return complain(context, id.error());
  const auto result = (*runs)->show(*id);
  if (!result) return complain(context, result.error());
  if (context.json) {
    fmt::print("{}\n", result->dump());
  } else {
    fmt::print("{}  {}  {}\n{}", short_name(*result), *id, format_time(result->at("created_us")),
               render_result(context, *result, ResultOf::a_run_shown));
    fmt::print("{}", primitives_table(result->value("primitives", json::array()),
                                      table_width(STDOUT_FILENO)));
  }
  return kSucceeded;
}

int runs_logs(const Context& context, const std::string& prefix, const std::string& wanted) {
  const auto runs = open_runs(context);
  if (!runs) return complain(context, runs.error());
  const auto id = (*runs)->find(prefix);
  if (!id) return complain(context, id.error());
  if (context.json) {
    const auto documents =
        (*runs)->log_documents(*id, wanted, std::numeric_limits<std::size_t>::max());
    if (!documents) return complain(context, documents.error());
    fmt::print("{}\n", documents->dump(-1, ' ', false, json::error_handler_t::replace));
    return kSucceeded;
  }
  const auto reader = (*runs)->logs(*id, wanted);
  if (!reader) return complain(context, reader.error());
  for (;;) {
    const auto piece = (*reader)->next();
    if (!piece) return complain(context, piece.error());
    if (piece->empty()) return kSucceeded;
    std::fwrite(piece->data(), 1, piece->size(), stdout);
  }
}

int runs_events(const Context& context, const std::string& prefix) {
  const auto runs = open_runs(context);
  if (!runs) return complain(context, runs.error());
  const auto id = (*runs)->find(prefix);
  if (!id) return complain(context, id.error());
  json all = json::array();
  std::optional<std::int64_t> first_us;
  for (json next = 0; !next.is_null();) {
    auto page = (*runs)->events(*id, next.get<std::int64_t>(), kEventsAtOnce);
    if (!page) return complain(context, page.error());
    next = page->at("next");
    for (json& event : page->at("events")) {
      if (!first_us) first_us = event.value("time_us", std::int64_t{0});
      if (!context.json) print_event(event, *first_us);
      if (context.json) all.push_back(std::move(event));
    }
  }
  if (context.json) fmt::print("{}\n", all.dump());
  return kSucceeded;
}

}  // namespace scanflow::cli
