// What the API server finds wrong with Events of events.k8s.io/v1, as its validation/events.go has it.
#include <fmt/format.h>

#include "tests/support/kube/validate.hpp"

namespace scanflow::test::kube {
namespace {

constexpr std::size_t kMostWord = 128, kMostNote = 1024;

Cause required_field(const char* field) { return {"FieldValueRequired", "Required value", field}; }

Cause invalid_field(const char* field, const std::string& value, const std::string& why) {
  return {"FieldValueInvalid", fmt::format("Invalid value: \"{}\": {}", value, why), field};
}

void check_series(const json& event, std::vector<Cause>& causes) {
  if (!event.contains("series")) return;
  const json& series = event["series"];
  if (series.value("count", 0) < 2)
    causes.push_back(invalid_field("series.count", "", "should be at least 2"));
  if (series.value("lastObservedTime", "").empty())
    causes.push_back(required_field("series.lastObservedTime"));
}

}  // namespace

void check_event(const json& event, std::vector<Cause>& causes) {
  const std::string space = event["metadata"].value("namespace", ""),
                    of = event.value("/regarding/namespace"_json_pointer, "");
  const bool of_cluster = of.empty() && (space == "default" || space == "kube-system");
  if (of != space && !of_cluster)
    causes.push_back(
        invalid_field("involvedObject.namespace", of, "does not match event.namespace"));
  for (const char* field : {"reportingController", "reportingInstance", "action", "reason"}) {
    const std::string value = event.value(field, "");
    if (value.empty()) causes.push_back(required_field(field));
    if (value.size() > kMostWord)
      causes.push_back(invalid_field(field, "", "can have at most 128 characters"));
  }
  if (event.value("note", "").size() > kMostNote)
    causes.push_back(invalid_field("message", "", "can have at most 1024 characters"));
  if (event.value("eventTime", "").empty()) causes.push_back(required_field("eventTime"));
  const std::string type = event.value("type", "");
  if (type != "Normal" && type != "Warning")
    causes.push_back(invalid_field("type", "", "has invalid value: " + type));
  check_series(event, causes);
}

void check_event_change(const json& before, const json& after, std::vector<Cause>& causes) {
  if (before.value("series", json()) != after.value("series", json())) check_series(after, causes);
  for (const char* field : {"regarding", "related", "reason", "note", "type", "eventTime", "action",
                            "reportingController", "reportingInstance"}) {
    const json next = after.value(field, json());
    if (before.value(field, json()) != next)
      causes.push_back(invalid_field(field, next.dump(), "field is immutable"));
  }
}

}  // namespace scanflow::test::kube
