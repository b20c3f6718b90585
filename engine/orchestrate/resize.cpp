#include "engine/orchestrate/resize.hpp"

#include <fmt/format.h>

#include "engine/kube/fields.hpp"
#include "engine/orchestrate/session.hpp"
#include "engine/orchestrate/workload.hpp"

namespace scanflow::orchestrate {
namespace {

constexpr int kNoSuchPath = 404, kNotInPlace = 422;

/// "requests cpu 500m, memory 1Gi; limits memory 2Gi"
std::string amounts_of(const json& resources) {
  std::string text;
  for (const char* part : {"requests", "limits"}) {
    std::string some;
    for (const auto& [resource, amount] : kube::part_of(resources, part).items())
      some += fmt::format("{} {} {}", some.empty() ? "" : ",", resource,
                          amount.is_string() ? amount.get<std::string>() : amount.dump());
    if (!some.empty()) text += fmt::format("{}{}{}", text.empty() ? "" : "; ", part, some);
  }
  return text;
}

/// One resize, from what is asked to what becomes of it.
class Resize {
 public:
  Resize(Session& session, const json& pod, Resizing resizing)
      : session_(session), pod_(session.target()), object_(pod), resizing_(std::move(resizing)) {
    evidence_["container"] = resizing_.container;
    evidence_["resources"] = {{"before", resizing_.before}, {"after", resizing_.after}};
    evidence_["followed"] = json::array();
  }

  Outcome run() {
    const auto asked = ask(resizing_);
    if (!asked) return not_taken(asked.error());
    if (session_.dry_run())
      return told(Outcome::State::done, "dry run, nothing is changed: the API server takes it");
    return follow();
  }

 private:
  kube::Answer<json> ask(const Resizing& resizing) {
    const Change change{pod_, object_, resize_patch(resizing), kube::Patch::strategic, "resize"};
    auto after = session_.patch(change);
    if (after) evidence_["changes"].push_back(evidence_of(change, *after));
    return after;
  }

  Outcome told(Outcome::State state, const std::string& what) {
    return {state, fmt::format("container {} of {}: {}", resizing_.container, named(pod_), what),
            evidence_};
  }

  Outcome not_taken(const kube::Failure& failure) {
    const auto there = session_.get(pod_);
    if (failure.code == kNoSuchPath && there)
      return recreate("this cluster has no resize in place (Kubernetes 1.33 and later have)");
    if (failure.code == kNotInPlace)
      return recreate("the API server takes it not in place: " + failure.message);
    Outcome outcome = outcome_of(failure, "resize " + named(pod_));
    outcome.evidence.update(evidence_);
    return outcome;
  }

  /// Until the kubelet has done it, or says that it cannot, or the deadline.
  Outcome follow() {
    for (int times = 0;; ++times) {
      const auto now = session_.get(pod_);
      if (!now) {
        Outcome outcome = outcome_of(now.error(), "follow the resize of " + named(pod_));
        outcome.state = Outcome::State::failed;
        outcome.evidence.update(evidence_);
        return outcome;
      }
      if (kube::text_at(*now, "/metadata/uid"_json_pointer) !=
          kube::text_at(object_, "/metadata/uid"_json_pointer))
        return told(Outcome::State::failed, "it was replaced by another Pod meanwhile");
      const Progress progress = progress_of(*now, resizing_);
      note(progress);
      using State = Progress::State;
      if (progress.state == State::done)
        return told(
            Outcome::State::done,
            fmt::format("{} in place{}", amounts_of(resizing_.after),
                        resizing_.restarts ? " (restarted, as its resizePolicy says)" : ""));
      if (progress.state == State::ended)
        return told(Outcome::State::failed, "its Pod has ended: " + progress.reason);
      if (progress.state == State::infeasible) return infeasible(progress);
      if (!session_.pause(times)) return late(progress);
    }
  }

  void note(const Progress& progress) {
    if (progress.condition.empty()) return;
    json one = {{"condition", progress.condition},
                {"reason", progress.reason},
                {"message", progress.message}};
    json& followed = evidence_["followed"];
    if (followed.empty() || followed.back() != one) followed.push_back(std::move(one));
  }

  Outcome infeasible(const Progress& progress) {
    return recreate("its node can never give it that (Infeasible): " + progress.message);
  }

  Outcome late(const Progress& progress) {
    if (progress.state == Progress::State::deferred)
      return recreate(
          "its node has no room for it until the deadline (Deferred): " + progress.message, true);
    return told(Outcome::State::failed,
                fmt::format("the deadline came before the kubelet had done it{}{}: it stays asked "
                            "for; --deadline gives it longer",
                            progress.message.empty() ? "" : ": ", progress.message));
  }

  /// `waits`: it is done in place as soon as there is room.
  Outcome recreate(const std::string& why, bool waits = false) {
    evidence_["not_in_place"] = why;
    if (session_.arguments().at("in_place_only").get<bool>())
      return given_up(why, "it was to be done in place only", waits);
    const auto owner = owner_of_template();
    if (!owner) return given_up(why, owner.error().message, waits);
    Outcome outcome = session_.carry_out([&]() -> Planned {
      const auto object = session_.read(*owner);
      if (!object) return tl::unexpected(object.error());
      return plan_recreation(*owner, *object, resizing_, why);
    });
    const json changes = outcome.evidence.value("changes", json::array());
    for (const json& each : changes) evidence_["changes"].push_back(each);
    outcome.evidence.update(evidence_);
    if (outcome.state != Outcome::State::done) put_back(outcome);
    return outcome;
  }

  Outcome given_up(const std::string& why, const std::string& why_not_anew, bool waits) {
    Outcome outcome = told(Outcome::State::failed, fmt::format("{}; {}", why, why_not_anew));
    if (waits) {
      outcome.message += "; it stays asked for, and is done when there is room";
    } else {
      put_back(outcome);
    }
    return outcome;
  }

  /// What cannot be is not asked for any longer.
  void put_back(Outcome& outcome) {
    if (!evidence_.contains("changes") || session_.dry_run()) return;
    Resizing back = resizing_;
    std::swap(back.before, back.after);
    const auto done = ask(back);
    outcome.message += done ? "; its resources are put back"
                            : "; and " + kube::explained(done.error(), "put its resources back");
    outcome.evidence["put_back"] = done.has_value();
  }

  /// The workload that makes the Pod anew when its template changes; an error says why none does.
  Result<Target> owner_of_template() {
    auto controller = controller_of(object_);
    if (!controller) return fail("and nobody would make it anew: it has no owner");
    if (controller->kind == "ReplicaSet" && controller->target) {
      const auto set = session_.read(*controller->target);
      if (!set) return fail(set.error().message);
      const auto above = controller_of(*set);
      if (!above)
        return fail(fmt::format("and its owner, {}, replaces no Pod when its template changes",
                                named(*controller->target)));
      controller = above;
    }
    for (const kube::Kind* kind : {&kinds::kDeployment, &kinds::kStatefulSet, &kinds::kDaemonSet}) {
      if (controller->target && controller->target->kind.kind == kind->kind)
        return *controller->target;
    }
    return fail(
        fmt::format("and its owner, {} {}, does not make it anew with other resources: "
                    "change them there",
                    controller->kind, controller->name));
  }

  Session& session_;
  const Target& pod_;
  const json object_;  // the Pod as it was
  const Resizing resizing_;
  json evidence_ = json::object();
};

}  // namespace

Planned plan_recreation(const Target& owner, const json& object, const Resizing& resizing,
                        const std::string& why) {
  const json containers =
      object.value(template_of(owner.kind) / "spec" / resizing.list, json::array());
  bool there = false;
  for (const json& each : containers)
    there = there || kube::text_of(each, "name") == resizing.container;
  if (!there)
    return tl::unexpected(failed(fmt::format(
        "{}; and the template of {} has no container {}: somebody adds it to its Pods, and has to "
        "change it",
        why, named(owner), resizing.container)));
  const std::string later = why_no_rollout(owner, object);
  return Plan{{{owner, object, template_patch(resizing), kube::Patch::strategic}},
              fmt::format("{}: recreated, not resized in place: {}; {}", named(owner), why,
                          later.empty() ? "all its Pods are replaced, one after the other" : later),
              {{"recreated_by", named(owner)}}};
}

Outcome resize(Session& session) {
  const auto pod = session.read(session.target());
  if (!pod) return pod.error();
  const auto resizing = resizing_of(session.target(), *pod, session.arguments());
  if (!resizing) return resizing.error();
  if (resizing->before == resizing->after)
    return {Outcome::State::done,
            fmt::format("container {} of {} has that already: {}", resizing->container,
                        named(session.target()), amounts_of(resizing->after))};
  return Resize(session, *pod, *resizing).run();
}

}  // namespace scanflow::orchestrate
