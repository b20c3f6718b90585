#include "engine/orchestrate/autoscaler.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/kube/fields.hpp"
#include "engine/orchestrate/scale.hpp"
#include "engine/orchestrate/session.hpp"
#include "engine/orchestrate/workload.hpp"

namespace scanflow::orchestrate {
namespace {

/// Containers that ask for none of a resource: of these no utilization can be told.
std::vector<std::string> without_request(const Target& target, const json& workload,
                                         const char* resource) {
  std::vector<std::string> names;
  const json spec = workload.value(template_of(target.kind) / "spec", json::object());
  for (const json& each : spec.value("containers", json::array())) {
    const json& resources = kube::part_of(each, "resources");
    // Where there is a limit only, the request is the same.
    if (!kube::part_of(resources, "requests").contains(resource) &&
        !kube::part_of(resources, "limits").contains(resource))
      names.push_back(kube::text_of(each, "name"));
  }
  return names;
}

json reference_to_workload(const Target& target) {
  return {
      {"apiVersion", target.kind.api_version()}, {"kind", target.kind.kind}, {"name", target.name}};
}

json configuration(const Target& of, json spec) {
  return {{"apiVersion", of.kind.api_version()},
          {"kind", of.kind.kind},
          {"metadata", {{"name", of.name}, {"namespace", of.name_space}}},
          {"spec", std::move(spec)}};
}

json hpa_metrics(const json& arguments) {
  json metrics = arguments.value("metrics", json::array());
  for (const char* resource : {"cpu", "memory"}) {
    if (!arguments.contains(resource)) continue;
    metrics.push_back(
        {{"type", "Resource"},
         {"resource",
          {{"name", resource},
           {"target", {{"type", "Utilization"}, {"averageUtilization", arguments[resource]}}}}}});
  }
  return metrics;
}

json keda_triggers(const json& arguments) {
  json triggers = arguments.value("triggers", json::array());
  for (const char* resource : {"cpu", "memory"}) {
    if (!arguments.contains(resource)) continue;
    triggers.push_back(
        {{"type", resource},
         {"metricType", "Utilization"},
         {"metadata", {{"value", std::to_string(arguments[resource].get<std::int64_t>())}}}});
  }
  return triggers;
}

/// What one leaves out stays as it is.
void take_over(json& spec, const char* field, const json& given, const json& before) {
  if (given.is_null() || given.empty()) {
    if (before.contains(field)) spec[field] = before[field];
  } else {
    spec[field] = given;
  }
}

json hpa_spec(const Target& target, const json& before, const json& arguments) {
  json spec = {{"scaleTargetRef", reference_to_workload(target)},
               {"minReplicas", arguments.at("min")},
               {"maxReplicas", arguments.at("max")}};
  take_over(spec, "metrics", hpa_metrics(arguments), before);
  take_over(spec, "behavior", arguments.value("behavior", json()), before);
  return spec;
}

json keda_spec(const Target& target, const json& before, const json& arguments) {
  json spec = {{"scaleTargetRef", reference_to_workload(target)},
               {"minReplicaCount", arguments.at("min")},
               {"maxReplicaCount", arguments.at("max")}};
  take_over(spec, "triggers", keda_triggers(arguments), before);
  for (const auto& [argument, field] :
       {std::pair{"polling", "pollingInterval"}, {"cooldown", "cooldownPeriod"}}) {
    if (arguments.contains(argument)) {
      spec[field] = arguments[argument];
    } else if (before.contains(field)) {
      spec[field] = before[field];
    }
  }
  return spec;
}

}  // namespace

Result<void> check_autoscaler(const json& arguments) {
  if (arguments.at("min") > arguments.at("max"))
    return fail(fmt::format("arguments: min {} is above max {}", arguments["min"].dump(),
                            arguments["max"].dump()));
  const bool keda = arguments.at("by") == "keda";
  for (const char* other : {"metrics", "behavior"}) {
    if (keda && arguments.contains(other))
      return fail(fmt::format("arguments/{}: an HPA's: of KEDA it is 'triggers'", other));
  }
  for (const char* other : {"triggers", "polling", "cooldown"}) {
    if (!keda && arguments.contains(other))
      return fail(fmt::format("arguments/{}: KEDA's: by=keda", other));
  }
  if (!keda && arguments.at("min") < 1)
    return fail("arguments/min: an HPA keeps at least 1 (by=keda scales to 0)");
  return {};
}

Planned plan_autoscaler(const Target& target, const json& workload,
                        const std::optional<Scaler>& scaler, const json& arguments) {
  const bool keda = arguments.at("by") == "keda";
  if (scaler && scaler->is_keda() != keda)
    return tl::unexpected(refused(
        fmt::format("{}: {} owns its replicas, and two would fight: {}", named(target),
                    named(scaler->target),
                    keda ? "delete it first" : "by=keda changes that one; or delete it first"),
        {{"owner", named(scaler->target)}}));
  const kube::Kind& kind = keda ? kinds::kScaledObject : kinds::kAutoscaler;
  const Target of = scaler ? scaler->target : Target{kind, target.name_space, target.name};
  const json before = scaler ? kube::part_of(scaler->object, "spec") : json::object();
  const json spec =
      keda ? keda_spec(target, before, arguments) : hpa_spec(target, before, arguments);
  if (!spec.contains(keda ? "triggers" : "metrics"))
    return tl::unexpected(
        refused(fmt::format("{}: nothing says what it is scaled by: cpu=70 (percent of what is "
                            "requested), memory=, or {}",
                            named(target), keda ? "triggers=" : "metrics=")));
  for (const char* resource : {"cpu", "memory"}) {
    if (!arguments.contains(resource)) continue;
    const std::vector<std::string> bare = without_request(target, workload, resource);
    if (!bare.empty())
      return tl::unexpected(refused(
          fmt::format("{}: {} has no request of {}, without which no utilization can be told: set "
                      "resources.requests.{} there first",
                      named(target), fmt::join(bare, ", "), resource, resource)));
  }
  Plan plan;
  plan.changes.push_back({of, scaler ? scaler->object : json(), configuration(of, spec),
                          kube::Patch::apply, "", arguments.at("force").get<bool>()});
  plan.message = fmt::format("{}: {} scales it from {} to {}", named(target), named(of),
                             arguments["min"].dump(), arguments["max"].dump());
  plan.evidence["owner"] = scaler ? json(named(scaler->target)) : json();
  return plan;
}

Outcome set_autoscaler(Session& session) {
  const bool keda = session.arguments().at("by") == "keda";
  return session.carry_out([&]() -> Planned {
    const auto workload = session.read(session.target());
    if (!workload) return tl::unexpected(workload.error());
    if (keda && !session.knows(kinds::kScaledObject))
      return tl::unexpected(
          unsupported("this cluster has no KEDA (keda.sh/v1alpha1): install it, or use by=hpa"));
    const auto scaler = find_scaler(session);
    if (!scaler) return tl::unexpected(scaler.error());
    return plan_autoscaler(session.target(), *workload, *scaler, session.arguments());
  });
}

}  // namespace scanflow::orchestrate
