// Registered pipelines and their schedules: when they fire, and what is run then.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "engine/pipeline/spec.hpp"
#include "engine/runtime/submission.hpp"
#include "engine/schedule/due.hpp"
#include "engine/store/store.hpp"
#include "sdk/base/result.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::api {

using nlohmann::json;

struct Scheduled {
  store::Document document;
  std::shared_ptr<const pipeline::Pipeline> pipeline;  // null: it cannot be read (any more)
  std::optional<schedule::Schedule> schedule;          // nothing: it has none
  schedule::Policy policy;
  std::string problem;  // why it cannot be read

  std::string name() const { return document.name_space + "/" + document.name; }
  bool fires() const { return schedule && !pipeline->schedule.suspend; }
};

/// Reads the text of a registered pipeline; what it calls is in `store`, too.
Scheduled read_scheduled(store::Document document, const loader::Catalog& catalog,
                         const store::Store& store);

/// What its firing at this time starts, but for what it calls and the options. The same firing
/// gives the same run.
runtime::Submission firing_of(const Scheduled& scheduled, std::int64_t time_us);

/// [{"pipeline", "namespace", "version", "cron", "timezone", "suspended", "next_us", "last_us",
/// "run", "status", "problem"}]: all registered pipelines with a schedule. next_us, last_us: of
/// firings, or null; run, status: of the newest run by the schedule that is there, or null; problem:
/// why it cannot fire, or why nothing was run when it fired last, or null.
Result<json> schedules(const store::Store& store, const loader::Catalog& catalog,
                       std::int64_t now_us);

}  // namespace scanflow::api
