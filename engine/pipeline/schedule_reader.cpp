#include "engine/pipeline/schedule_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/pipeline/map_reader.hpp"
#include "engine/pipeline/params.hpp"
#include "engine/pipeline/text.hpp"
#include "engine/pipeline/yaml_values.hpp"
#include "engine/schedule/cron.hpp"
#include "engine/schedule/zone.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::pipeline {
namespace {

void read_cron(const Node& node, Schedule& out, Problems& problems) {
  out.cron = node.text;
  const auto cron = schedule::Cron::parse(node.text);
  if (!cron) problems.add(node, cron.error().message);
}

void read_values(const Node& node, const std::vector<Param>& params, Schedule& out,
                 Problems& problems) {
  for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
    const Node& key = *node.items[i];
    const Node& value = *node.items[i + 1];
    if (!key.is_scalar()) continue;
    const auto param = std::find_if(params.begin(), params.end(),
                                    [&](const Param& each) { return each.name == key.text; });
    if (param == params.end()) {
      std::vector<std::string> names;
      names.reserve(params.size());
      for (const Param& each : params) names.push_back(each.name);
      const std::string near = nearest(key.text, names);
      problems.add(key, fmt::format("the pipeline has no parameter '{}'", printable(key.text)))
          .hint = near.empty() ? "" : fmt::format("did you mean '{}'?", near);
      continue;
    }
    const json given = to_json(value, problems);
    out.params[key.text] = given;
    if (const auto bound = bind_value(*param, given); !bound)
      problems.add(value, bound.error().message);
  }
}

}  // namespace

void read_schedule(const Node& node, Pipeline& pipeline, Problems& problems) {
  Schedule& out = pipeline.schedule;
  if (node.is_scalar()) {
    read_cron(node, out, problems);
  } else {
    const MapReader map(node, schedule_fields(), problems);
    if (const Node* cron = map.get("cron")) read_cron(*cron, out, problems);
    if (const Node* zone = map.get("timezone")) {
      out.zone = zone->text;
      const auto found = schedule::Zone::find(zone->text);
      if (!found) problems.add(*zone, found.error().message);
    }
    if (const Node* deadline = map.get("starting_deadline"))
      out.deadline_us = duration_of(*deadline);
    if (const Node* missed = map.get("catch_up")) {
      if (missed->text == "none") out.catch_up = Schedule::CatchUp::none;
      if (missed->text == "all") out.catch_up = Schedule::CatchUp::all;
    }
    if (const Node* suspend = map.get("suspend")) out.suspend = is_true(*suspend);
    if (const Node* params = map.get("params"))
      read_values(*params, pipeline.params, out, problems);
  }
  for (const Param& param : pipeline.params) {
    if (param.default_value || out.params.contains(param.name)) continue;
    problems
        .add(node,
             fmt::format("a run by this schedule has no value for the parameter '{}'", param.name))
        .hint = "give it a default, or a value in schedule.params";
  }
}

}  // namespace scanflow::pipeline
