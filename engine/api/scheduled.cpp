#include "engine/api/scheduled.hpp"

#include <fmt/format.h>

#include <utility>

#include "engine/pipeline/diagnostic.hpp"
#include "engine/pipeline/reader.hpp"
#include "engine/runtime/registry.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::api {
namespace {

/// Among so many of its newest runs one by the schedule is looked for.
constexpr std::size_t kNewestRuns = 20;

schedule::CatchUp catch_up_of(pipeline::Schedule::CatchUp written) {
  switch (written) {
    case pipeline::Schedule::CatchUp::none:
      return schedule::CatchUp::none;
    case pipeline::Schedule::CatchUp::last:
      return schedule::CatchUp::last;
    case pipeline::Schedule::CatchUp::all:
      return schedule::CatchUp::all;
  }
  return schedule::CatchUp::last;
}

Result<store::RunRow> newest_run(const store::Store& store, const Scheduled& scheduled) {
  auto runs = store.runs({.name_space = scheduled.document.name_space,
                          .pipeline = scheduled.document.name,
                          .limit = kNewestRuns});
  if (!runs) return tl::unexpected(runs.error());
  for (store::RunRow& run : *runs) {
    if (run.trigger == "schedule") return std::move(run);
  }
  return store::RunRow();
}

}  // namespace

Scheduled read_scheduled(store::Document document, const loader::Catalog& catalog,
                         const store::Store& store) {
  Scheduled scheduled;
  runtime::Submission submission;
  runtime::take_registered(submission, document);
  const auto collected = runtime::collect_sources(submission, catalog, runtime::find_in(&store));
  auto pipeline =
      collected ? runtime::read(submission, catalog) : tl::unexpected(collected.error());
  scheduled.document = std::move(document);
  if (!pipeline) {
    scheduled.problem = pipeline.error().message;
    return scheduled;
  }
  scheduled.pipeline = std::move(*pipeline);
  const pipeline::Schedule& written = scheduled.pipeline->schedule;
  if (written.cron.empty()) return scheduled;
  auto cron = schedule::Cron::parse(written.cron);
  auto zone = schedule::Zone::find(written.zone);
  if (!cron || !zone) {
    scheduled.problem = cron ? zone.error().message : cron.error().message;
    return scheduled;
  }
  scheduled.schedule = schedule::Schedule{*cron, std::move(*zone)};
  scheduled.policy = {catch_up_of(written.catch_up), written.deadline_us};
  return scheduled;
}

runtime::Submission firing_of(const Scheduled& scheduled, std::int64_t time_us) {
  runtime::Submission submission;
  runtime::take_registered(submission, scheduled.document);
  submission.run = uuid_v7(time_us / 1000, fmt::format("schedule\n{}@{}\n{}", scheduled.name(),
                                                       scheduled.document.version, time_us));
  submission.params = scheduled.pipeline->schedule.params;
  submission.trigger = "schedule";
  submission.scheduled_us = time_us;
  return submission;
}

Result<json> schedules(const store::Store& store, const loader::Catalog& catalog,
                       std::int64_t now_us) {
  const auto entries = store.documents("Pipeline");
  const auto fired = store.last_firings();
  if (!entries) return tl::unexpected(entries.error());
  if (!fired) return tl::unexpected(fired.error());
  json list = json::array();
  for (const store::DocumentEntry& entry : *entries) {
    const store::Document& newest = entry.newest;
    auto document = store.document(newest.kind, newest.name_space, newest.name, newest.version);
    if (!document) return tl::unexpected(document.error());
    if (!*document) continue;  // removed a moment ago
    const Scheduled scheduled = read_scheduled(std::move(**document), catalog, store);
    if (!scheduled.schedule && scheduled.problem.empty()) continue;
    const auto run = newest_run(store, scheduled);
    if (!run) return tl::unexpected(run.error());
    const auto last = fired->find(scheduled.name());
    const auto next = scheduled.fires() ? schedule::next_after(*scheduled.schedule, now_us)
                                        : std::optional<std::int64_t>();
    std::string problem = scheduled.problem;
    if (problem.empty() && last != fired->end() && !last->second.problem.empty())
      problem = "when it fired last, nothing was run: " + last->second.problem;
    const pipeline::Schedule written =
        scheduled.pipeline ? scheduled.pipeline->schedule : pipeline::Schedule();
    list.push_back({{"pipeline", newest.name},
                    {"namespace", newest.name_space},
                    {"version", newest.version},
                    {"cron", written.cron},
                    {"timezone", written.zone},
                    {"suspended", written.suspend},
                    {"next_us", next ? json(*next) : json()},
                    {"last_us", last != fired->end() ? json(last->second.time_us) : json()},
                    {"run", run->id.empty() ? json() : json(run->id)},
                    {"status", run->id.empty() ? json() : json(run->status)},
                    {"problem", problem.empty() ? json() : json(problem)}});
  }
  return list;
}

}  // namespace scanflow::api
