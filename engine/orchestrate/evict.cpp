#include "engine/orchestrate/evict.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/kube/fields.hpp"
#include "engine/orchestrate/session.hpp"
#include "sdk/base/label_selector.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::orchestrate {
namespace {

constexpr int kTooManyDisruptions = 429;

std::vector<std::string> texts_of(const json& list) {
  std::vector<std::string> texts;
  for (const json& each : list) {
    if (each.is_string()) texts.push_back(each);
  }
  return texts;
}

LabelSelector selector_of(const json& selector) {
  LabelSelector made;
  for (const auto& [key, value] : kube::part_of(selector, "matchLabels").items())
    made.require(key, LabelSelector::Is::among, texts_of(json::array({value})));
  for (const json& each : selector.value("matchExpressions", json::array())) {
    const std::string is = kube::text_of(each, "operator");
    made.require(kube::text_of(each, "key"),
                 is == "In"       ? LabelSelector::Is::among
                 : is == "NotIn"  ? LabelSelector::Is::not_among
                 : is == "Exists" ? LabelSelector::Is::present
                                  : LabelSelector::Is::absent,
                 texts_of(each.value("values", json::array())));
  }
  return made;
}

json eviction_of(const Target& target, const json& pod, const json& arguments) {
  json options = {{"preconditions", {{"uid", kube::text_at(pod, "/metadata/uid"_json_pointer)}}}};
  if (arguments.contains("grace"))
    options["gracePeriodSeconds"] =
        parse_duration(arguments["grace"].get<std::string>()).value_or(0) / 1'000'000;
  return {{"apiVersion", "policy/v1"},
          {"kind", "Eviction"},
          {"metadata", {{"name", target.name}, {"namespace", target.name_space}}},
          {"deleteOptions", std::move(options)}};
}

/// "The disruption budget web needs 2 healthy pods and has 2 currently", of each.
std::string budgets_said(const kube::Failure& failure) {
  std::string said;
  for (const json& cause : failure.details.value("causes", json::array())) {
    if (kube::text_of(cause, "reason") == "DisruptionBudget")
      said += (said.empty() ? "" : "; ") + kube::text_of(cause, "message");
  }
  return said;
}

Outcome blocked(Session& session, const json& pod, const kube::Failure& failure) {
  const Target& target = session.target();
  const auto all = session.list(kinds::kBudget, target.name_space);
  const json budgets = all ? budgets_of(pod, *all) : json::array();
  std::vector<std::string> names;
  for (const json& each : budgets) names.push_back(each["name"]);
  std::string said = budgets_said(failure);
  if (said.empty()) said = failure.message;
  return refused(
      fmt::format("{} is not evicted: a PodDisruptionBudget{}{} allows no disruption now: {} (wait "
                  "until its other Pods are well, scale up, or change the budget)",
                  named(target), names.empty() ? "" : " ", fmt::join(names, ", "), said),
      {{"budgets", budgets}, {"answer", {{"code", failure.code}, {"message", failure.message}}}});
}

}  // namespace

std::optional<Outcome> why_not_evicted(const Target& target, const json& pod, bool force) {
  const json& metadata = kube::part_of(pod, "metadata");
  if (kube::part_of(metadata, "annotations").contains("kubernetes.io/config.mirror"))
    return refused(
        fmt::format("{} is a static Pod of its node: only its file there ends it", named(target)));
  if (force || controller_of(pod)) return std::nullopt;
  return refused(
      fmt::format("{} has no owner: nobody makes it anew; force=true evicts it all the "
                  "same",
                  named(target)));
}

json budgets_of(const json& pod, const std::vector<json>& budgets) {
  const json& labels = kube::part_of(kube::part_of(pod, "metadata"), "labels");
  const auto find = [&](const std::string& key) -> std::optional<std::string_view> {
    const auto found = labels.find(key);
    if (found == labels.end() || !found->is_string()) return std::nullopt;
    return std::string_view(found->get_ref<const std::string&>());
  };
  json list = json::array();
  for (const json& each : budgets) {
    const json& spec = kube::part_of(each, "spec");
    // Without a selector it covers no Pod.
    if (!spec.contains("selector") || !selector_of(kube::part_of(spec, "selector")).matches(find))
      continue;
    const json& status = kube::part_of(each, "status");
    list.push_back({{"name", kube::text_at(each, "/metadata/name"_json_pointer)},
                    {"min_available", spec.value("minAvailable", json())},
                    {"max_unavailable", spec.value("maxUnavailable", json())},
                    {"allowed", kube::number_of(status, "disruptionsAllowed")},
                    {"healthy", kube::number_of(status, "currentHealthy")},
                    {"desired", kube::number_of(status, "desiredHealthy")}});
  }
  return list;
}

Result<void> check_eviction(const json& arguments) {
  if (!arguments.contains("grace")) return {};
  const auto grace = parse_duration(arguments["grace"].get<std::string>());
  if (!grace) return fail("arguments/grace: " + grace.error().message);
  if (*grace < 0) return fail("arguments/grace: it must not be below 0");
  return {};
}

Outcome evict(Session& session) {
  const Target& target = session.target();
  const auto pod = session.read(target);
  if (!pod) return pod.error();
  if (auto why = why_not_evicted(target, *pod, session.arguments().at("force").get<bool>()))
    return *why;
  const auto done =
      session.post(target, "eviction", eviction_of(target, *pod, session.arguments()));
  const auto controller = controller_of(*pod);
  const json evidence = {
      {"pod",
       {{"uid", kube::text_at(*pod, "/metadata/uid"_json_pointer)},
        {"node", kube::text_at(*pod, "/spec/nodeName"_json_pointer)},
        {"resource_version", kube::text_at(*pod, "/metadata/resourceVersion"_json_pointer)}}},
      {"owner", controller ? json(controller->kind + " " + controller->name) : json()}};
  if (!done && done.error().code == kTooManyDisruptions)
    return blocked(session, *pod, done.error());
  if (!done && done.error().is("NotFound"))
    return {Outcome::State::done, named(target) + " is gone already", evidence};
  if (!done) return outcome_of(done.error(), "evict " + named(target));
  const std::string after =
      !controller ? "nobody makes it anew"
      : controller->kind == "DaemonSet"
          ? "its DaemonSet makes it anew on the same node"
          : fmt::format("{} {} makes it anew", controller->kind, controller->name);
  return {Outcome::State::done,
          fmt::format("{}{} {}; {}", session.dry_run() ? "dry run, nothing is changed: " : "",
                      named(target), session.dry_run() ? "would be evicted" : "is evicted", after),
          evidence};
}

}  // namespace scanflow::orchestrate
