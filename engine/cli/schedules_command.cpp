// scanflow schedules
#include <fmt/format.h>
#include <unistd.h>

#include "engine/api/scheduled.hpp"
#include "engine/cli/commands.hpp"
#include "engine/cli/text.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/utc.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {
namespace {

api::Answer<nlohmann::json> schedules_here(const Context& context) {
  const auto state = context.state_directory();
  if (!state) return api::broken(state.error().message);
  if (!store::Store::exists(state->root)) return nlohmann::json::array();
  const auto store = store::Store::open_read_only(state->root);
  if (!store) return api::broken(store.error().message);
  const auto catalog = context.catalog();
  if (!catalog) return api::broken(catalog.error().message);
  auto list = api::schedules(**store, *catalog, wall_us());
  if (!list) return api::broken(list.error().message);
  return std::move(*list);
}

api::Answer<nlohmann::json> schedules_of(const Context& context) {
  if (context.server.empty()) return schedules_here(context);
  const auto client = context.client();
  if (!client) return tl::unexpected(client.error());
  auto document = client->json_of({.target = "/api/v1/schedules"});
  if (!document) return document;
  return document->at("schedules");
}

std::string time_of(const nlohmann::json& us) {
  return us.is_null() ? "-" : utc_text(us.get<std::int64_t>());
}

std::string schedule_text(const nlohmann::json& value) {
  return value.is_null() ? "" : value.get<std::string>();
}

}  // namespace

int list_schedules(const Context& context) {
  const auto list = schedules_of(context);
  if (!list) return complain(context, list.error());
  if (context.json) {
    fmt::print("{}\n", list->dump());
    return kSucceeded;
  }
  std::vector<std::vector<std::string>> rows;
  for (const nlohmann::json& each : *list) {
    const std::string problem = schedule_text(each.at("problem"));
    rows.push_back(
        {fmt::format("{}/{}@{}", schedule_text(each.at("namespace")),
                     schedule_text(each.at("pipeline")), each.at("version").get<std::uint32_t>()),
         schedule_text(each.at("cron")), schedule_text(each.at("timezone")),
         each.at("suspended") == true ? "suspended" : time_of(each.at("next_us")),
         time_of(each.at("last_us")), short_id(schedule_text(each.at("run"))),
         problem.empty() ? schedule_text(each.at("status"))
                         : problem.substr(0, problem.find('\n'))});
  }
  if (rows.empty()) {
    fmt::print("no registered pipeline has a schedule\n");
    return kSucceeded;
  }
  fmt::print("{}", table({"PIPELINE", "SCHEDULE", "ZONE", "NEXT", "LAST", "RUN", ""}, rows,
                         static_cast<std::size_t>(terminal_width(STDOUT_FILENO)), {}));
  return kSucceeded;
}

}  // namespace scanflow::cli
