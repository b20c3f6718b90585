#include "engine/control/record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace scanflow::control {
namespace {

Result<Recorded> recorded_from(const json& line) {
  const auto wrong = [] {
    return fail(R"(it is none; write {"time_us": N, "event": {"type", "source", "payload"}}, or )"
                R"({"time_us": N, "sample": {"name", "labels", "kind", "value"}})");
  };
  if (!line.is_object() || !line.value("time_us", json()).is_number_integer()) return wrong();
  Recorded recorded;
  recorded.time_us = line.at("time_us");
  try {
    if (line.contains("event")) {
      const json& event = line.at("event");
      recorded.event = Happening{.type = event.at("type"),
                                 .source = event.value("source", ""),
                                 .time_us = recorded.time_us,
                                 .payload = event.value("payload", json::object())};
    } else {
      const json& sample = line.at("sample");
      const bool counts = sample.value("kind", "gauge") == "counter";
      recorded.sample = RecordedSample{sample.at("name"), sample.value("labels", Labels()),
                                       counts ? knowledge::Kind::counter : knowledge::Kind::gauge,
                                       sample.at("value")};
    }
  } catch (const json::exception&) {
    return wrong();
  }
  return recorded;
}

}  // namespace

json to_json(const Recorded& recorded) {
  if (recorded.event)
    return {{"time_us", recorded.time_us},
            {"event",
             {{"type", recorded.event->type},
              {"source", recorded.event->source},
              {"payload", recorded.event->payload}}}};
  return {{"time_us", recorded.time_us},
          {"sample",
           {{"name", recorded.sample->name},
            {"labels", recorded.sample->labels},
            {"kind", recorded.sample->kind == knowledge::Kind::counter ? "counter" : "gauge"},
            {"value", recorded.sample->value}}}};
}

Result<std::vector<Recorded>> read_record(const std::string& file, const std::string& text) {
  std::vector<Recorded> record;
  std::istringstream lines(text);
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    auto recorded = recorded_from(json::parse(line, nullptr, false));
    if (!recorded) return fail(fmt::format("{}:{}: {}", file, number, recorded.error().message));
    record.push_back(std::move(*recorded));
  }
  std::stable_sort(record.begin(), record.end(),
                   [](const Recorded& a, const Recorded& b) { return a.time_us < b.time_us; });
  return record;
}

}  // namespace scanflow::control
