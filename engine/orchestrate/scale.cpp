#include "engine/orchestrate/scale.hpp"

#include <fmt/format.h>

#include "engine/kube/fields.hpp"
#include "engine/orchestrate/session.hpp"

namespace scanflow::orchestrate {
namespace {

Change scale_change(const Scaled& now, std::int64_t replicas) {
  return {now.target, now.scale, {{"spec", {{"replicas", replicas}}}}, kube::Patch::merge, "scale"};
}

Planned plan_unowned(const Scaled& now, std::int64_t replicas, const std::string& note) {
  const std::int64_t were = kube::number_of(kube::part_of(now.scale, "spec"), "replicas");
  if (were == replicas)
    return Plan{
        {},
        fmt::format("{} has {} already{}", named(now.target), counted(replicas, "replica"), note)};
  return Plan{{scale_change(now, replicas)},
              fmt::format("{}: {} (were {}){}", named(now.target), counted(replicas, "replica"),
                          were, note)};
}

/// "1 to 10"
std::string range_of(std::int64_t least, std::int64_t most) {
  return least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most);
}

Planned plan_owned(const Scaled& now, const Scaler& scaler, std::int64_t replicas, bool fixed) {
  const std::int64_t were = kube::number_of(kube::part_of(now.scale, "spec"), "replicas");
  const std::string owner = named(scaler.target);
  Plan plan;
  plan.evidence["owner"] = owner;
  Change change = change_of(scaler, replicas, fixed);
  Scaler then = scaler;
  then.object.merge_patch(change.body);
  const bool pinned = then.is_fixed();
  plan.message = fmt::format(
      "{}: {} owns its replicas, {} now (were {}){}", named(now.target), owner,
      pinned ? fmt::format("{}", replicas) : range_of(then.least(), then.most()),
      scaler.is_fixed() ? "fixed by an annotation" : range_of(scaler.least(), scaler.most()),
      pinned || then.least() == then.most() ? "" : "; within them its load decides");
  if (change.body.empty()) {
    plan.message =
        fmt::format("{}: {} owns its replicas, and has it so already", named(now.target), owner);
  } else {
    plan.changes.push_back(std::move(change));
  }
  // An HPA lets a workload alone that has none: somebody has to begin.
  if (!scaler.is_keda() && were == 0) plan.changes.push_back(scale_change(now, replicas));
  return plan;
}

}  // namespace

Planned plan_scale(const Scaled& now, const json& arguments) {
  const std::int64_t replicas = arguments.at("replicas");
  const std::string how = arguments.at("autoscaler");
  const auto controller = controller_of(now.object);
  if (controller && !arguments.at("force").get<bool>())
    return tl::unexpected(refused(
        fmt::format("{} is controlled by {} {}, which would set it back: ask that one, or send "
                    "force=true",
                    named(now.target), controller->kind, controller->name),
        {{"owner", controller->kind + " " + controller->name}}));
  if (!now.scaler) return plan_unowned(now, replicas, "");
  const Scaler& scaler = *now.scaler;
  if (how == "refuse")
    return tl::unexpected(
        refused(fmt::format("{}: {} owns its replicas ({}): autoscaler=floor or fixed changes that",
                            named(now.target), named(scaler.target),
                            range_of(scaler.least(), scaler.most())),
                {{"owner", named(scaler.target)}}));
  if (scaler.is_paused())
    return plan_unowned(now, replicas,
                        fmt::format(" ({} is paused, and lets it alone)", named(scaler.target)));
  if (replicas == 0 && !scaler.is_keda())
    return plan_unowned(
        now, replicas,
        fmt::format(" ({} lets it alone until it is scaled up by hand)", named(scaler.target)));
  return plan_owned(now, scaler, replicas, how == "fixed");
}

tl::expected<std::optional<Scaler>, Outcome> find_scaler(Session& session) {
  const Target& workload = session.target();
  const auto autoscalers = session.list(kinds::kAutoscaler, workload.name_space);
  if (!autoscalers) return tl::unexpected(autoscalers.error());
  const auto scaled_objects = session.list_if_known(kinds::kScaledObject, workload.name_space);
  if (!scaled_objects) return tl::unexpected(scaled_objects.error());
  return scaler_of(workload, *autoscalers, *scaled_objects);
}

Outcome scale(Session& session) {
  return session.carry_out([&]() -> Planned {
    const Target& target = session.target();
    auto object = session.read(target);
    if (!object) return tl::unexpected(object.error());
    auto now = session.get(target, "scale");
    if (!now && now.error().code == 404)
      return tl::unexpected(
          unsupported(fmt::format("{} cannot be scaled: its kind has no /scale; a Deployment, "
                                  "StatefulSet or ReplicaSet has",
                                  named(target))));
    if (!now) return tl::unexpected(outcome_of(now.error(), "read the scale of " + named(target)));
    auto scaler = find_scaler(session);
    if (!scaler) return tl::unexpected(scaler.error());
    return plan_scale({target, std::move(*object), std::move(*now), std::move(*scaler)},
                      session.arguments());
  });
}

}  // namespace scanflow::orchestrate
