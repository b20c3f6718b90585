#include "engine/orchestrate/workload.hpp"

#include <fmt/format.h>

#include "engine/kube/fields.hpp"
#include "sdk/base/utc.hpp"

namespace scanflow::orchestrate {
namespace {

/// As kubectl has it: both mean the same by it.
constexpr const char* kRestartedAt = "kubectl.kubernetes.io/restartedAt";

/// By which a workload finds its Pods.
json labels_of_pods(const json& object, const json& pod_template) {
  json selector = object.value("/spec/selector/matchLabels"_json_pointer, json());
  if (selector.is_object() && !selector.empty()) return selector;
  return pod_template.value("/metadata/labels"_json_pointer, json::object());
}

void set_or_erase(json& object, const char* field, const json& value) {
  if (value.empty() || value == json("")) {
    object.erase(field);
  } else {
    object[field] = value;
  }
}

/// Without those of a topology key.
json without_key(const json& list, const json::json_pointer& where, const std::string& key) {
  json kept = json::array();
  for (const json& each : list) {
    if (!each.contains(where) || each.at(where) != json(key)) kept.push_back(each);
  }
  return kept;
}

/// Pods of this workload keep away from each other.
void keep_apart(json& spec, const std::string& key, const json& labels, bool hard) {
  const json term = {{"labelSelector", {{"matchLabels", labels}}}, {"topologyKey", key}};
  json& rules = spec["affinity"]["podAntiAffinity"];
  if (!rules.is_object()) rules = json::object();
  constexpr const char* kHard = "requiredDuringSchedulingIgnoredDuringExecution";
  constexpr const char* kSoft = "preferredDuringSchedulingIgnoredDuringExecution";
  json required = without_key(rules.value(kHard, json::array()), "/topologyKey"_json_pointer, key);
  json preferred = without_key(rules.value(kSoft, json::array()),
                               "/podAffinityTerm/topologyKey"_json_pointer, key);
  if (hard) {
    required.push_back(term);
  } else {
    preferred.push_back({{"weight", 100}, {"podAffinityTerm", term}});
  }
  set_or_erase(rules, kHard, required);
  set_or_erase(rules, kSoft, preferred);
}

void spread_evenly(json& spec, const std::string& key, const json& labels, bool hard) {
  json rules = without_key(spec.value("topologySpreadConstraints", json::array()),
                           "/topologyKey"_json_pointer, key);
  rules.push_back({{"maxSkew", 1},
                   {"topologyKey", key},
                   {"whenUnsatisfiable", hard ? "DoNotSchedule" : "ScheduleAnyway"},
                   {"labelSelector", {{"matchLabels", labels}}}});
  spec["topologySpreadConstraints"] = std::move(rules);
}

json placed(json spec, const json& arguments, const json& labels) {
  const auto replace = [&](const char* argument, const char* field) {
    if (arguments.contains(argument)) set_or_erase(spec, field, arguments[argument]);
  };
  replace("node_selector", "nodeSelector");
  replace("affinity", "affinity");
  replace("spread", "topologySpreadConstraints");
  replace("priority", "priorityClassName");
  const bool hard = arguments.value("hard", false);
  if (arguments.contains("apart")) keep_apart(spec, arguments["apart"], labels, hard);
  if (arguments.contains("even")) spread_evenly(spec, arguments["even"], labels, hard);
  return spec;
}

}  // namespace

json::json_pointer template_of(const kube::Kind& kind) {
  return json::json_pointer(kind.kind == "CronJob" ? "/spec/jobTemplate/spec/template"
                                                   : "/spec/template");
}

std::string why_no_rollout(const Target& target, const json& object) {
  const json& spec = kube::part_of(object, "spec");
  if (target.kind.kind == "CronJob") return "its next Job has it";
  if (target.kind.kind == "Deployment" && spec.value("paused", json()) == json(true))
    return "it is paused (kubectl rollout resume)";
  if (kube::text_of(kube::part_of(spec, "updateStrategy"), "type") == "OnDelete")
    return "its updateStrategy is OnDelete: a Pod is made anew when it is deleted or evicted";
  return {};
}

Planned plan_restart(const Target& target, const json& object, std::int64_t wall_us) {
  const std::string why_not = why_no_rollout(target, object);
  if (!why_not.empty())
    return tl::unexpected(
        refused(fmt::format("{}: no rollout would follow: {}", named(target), why_not)));
  const json body = {
      {"spec",
       {{"template", {{"metadata", {{"annotations", {{kRestartedAt, utc_text(wall_us)}}}}}}}}}};
  return Plan{{{target, object, body}},
              fmt::format("{}: its Pods are replaced, one after the other", named(target))};
}

Planned plan_place(const Target& target, const json& object, const json& arguments) {
  if (arguments.size() <= (arguments.contains("hard") ? 1u : 0u))
    return tl::unexpected(
        refused("nothing says where: node_selector, affinity, spread, apart, even or priority"));
  const json::json_pointer where = template_of(target.kind);
  const json pod_template = object.value(where, json::object());
  const json labels = labels_of_pods(object, pod_template);
  const bool by_labels = arguments.contains("apart") || arguments.contains("even");
  if (by_labels && labels.empty())
    return tl::unexpected(refused(fmt::format(
        "{}: its Pods have no labels, by which 'apart' and 'even' tell them from others: add some "
        "to its template, or say all in 'affinity' and 'spread'",
        named(target))));
  json after = object;
  after[where / "spec"] = placed(pod_template.value("spec", json::object()), arguments, labels);
  json body = guarded_diff(object, after);
  if (body.empty()) return Plan{{}, fmt::format("{}: it is placed so already", named(target))};
  const std::string later = why_no_rollout(target, object);
  return Plan{
      {{target, object, std::move(body)}},
      later.empty()
          ? fmt::format("{}: its Pods are replaced by such that are placed so", named(target))
          : fmt::format("{}: its next Pods are placed so; {}", named(target), later)};
}

}  // namespace scanflow::orchestrate
