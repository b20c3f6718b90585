#include "engine/orchestrate/primitive.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "engine/orchestrate/autoscaler.hpp"
#include "engine/orchestrate/evict.hpp"
#include "engine/orchestrate/node.hpp"
#include "engine/orchestrate/patch.hpp"
#include "engine/orchestrate/resize.hpp"
#include "engine/orchestrate/scale.hpp"
#include "engine/orchestrate/session.hpp"
#include "engine/orchestrate/told.hpp"
#include "engine/orchestrate/traffic.hpp"
#include "engine/orchestrate/workload.hpp"
#include "sdk/base/nearest.hpp"
#include "sdk/base/text.hpp"
#include "sdk/loader/commands.hpp"

namespace scanflow::orchestrate {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kLongestDeadline = kSecond * 3600 * 24;

Outcome restart_rollout(Session& session) {
  return session.change_target([&](const json& object) {
    return plan_restart(session.target(), object, session.wall_us());
  });
}
Outcome place(Session& session) {
  return session.change_target([&](const json& object) {
    return plan_place(session.target(), object, session.arguments());
  });
}
Outcome cordon(Session& session) {
  return session.change_target(
      [&](const json& node) { return plan_cordon(session.target(), node, session.arguments()); });
}
Outcome set_traffic(Session& session) {
  return session.change_target([&](const json& route) {
    return plan_traffic(session.target(), route, session.arguments());
  });
}
Outcome patch(Session& session) {
  return session.change_target([&](const json& object) {
    return plan_patch(session.target(), object, session.arguments(), session.request().allowed);
  });
}

constexpr std::string_view kScale = R"({
  "type": "object", "additionalProperties": false, "required": ["replicas"], "properties": {
    "replicas": {"type": "integer", "minimum": 0, "maximum": 2147483647},
    "autoscaler": {"type": "string", "enum": ["floor", "fixed", "refuse"], "default": "floor",
      "description": "where an HPA or ScaledObject owns the count: that many at least, exactly that many, or not at all"},
    "force": {"type": "boolean", "default": false, "description": "also what is controlled by another object"}}})";
constexpr std::string_view kResize = R"({
  "type": "object", "additionalProperties": false, "properties": {
    "container": {"type": "string", "minLength": 1, "description": "left out: the only one"},
    "cpu": {"type": "string", "description": "requested, such as 500m; a limit that is the same goes with it"},
    "memory": {"type": "string", "description": "requested, such as 512Mi"},
    "cpu_limit": {"type": "string"},
    "memory_limit": {"type": "string"},
    "in_place_only": {"type": "boolean", "default": false, "description": "no recreation through its owner where it cannot be in place"}}})";
constexpr std::string_view kSetAutoscaler = R"({
  "type": "object", "additionalProperties": false, "required": ["min", "max"], "properties": {
    "min": {"type": "integer", "minimum": 0, "maximum": 2147483647},
    "max": {"type": "integer", "minimum": 1, "maximum": 2147483647},
    "by": {"type": "string", "enum": ["hpa", "keda"], "default": "hpa"},
    "cpu": {"type": "integer", "minimum": 1, "maximum": 10000, "description": "percent of what is requested"},
    "memory": {"type": "integer", "minimum": 1, "maximum": 10000, "description": "percent of what is requested"},
    "metrics": {"type": "array", "items": {"type": "object"}, "description": "of autoscaling/v2"},
    "behavior": {"type": "object", "description": "of autoscaling/v2"},
    "triggers": {"type": "array", "items": {"type": "object"}, "description": "KEDA's"},
    "polling": {"type": "integer", "minimum": 1, "description": "KEDA's pollingInterval, in seconds"},
    "cooldown": {"type": "integer", "minimum": 0, "description": "KEDA's cooldownPeriod, in seconds"},
    "force": {"type": "boolean", "default": false, "description": "also fields that others manage"}}})";
constexpr std::string_view kNoArguments = R"({"type": "object", "additionalProperties": false})";
constexpr std::string_view kEvict = R"({
  "type": "object", "additionalProperties": false, "properties": {
    "grace": {"type": "string", "description": "such as 10s; left out: the Pod's own"},
    "force": {"type": "boolean", "default": false, "description": "also a Pod that nobody makes anew"}}})";
constexpr std::string_view kPlace = R"({
  "type": "object", "additionalProperties": false, "properties": {
    "node_selector": {"type": "object", "description": "labels of nodes; in place of what there is, {}: none"},
    "affinity": {"type": "object", "description": "as of a Pod; in place of what there is"},
    "spread": {"type": "array", "items": {"type": "object"}, "description": "topologySpreadConstraints, in place of what there is"},
    "apart": {"type": "string", "minLength": 1, "description": "a label of nodes: its Pods keep away from each other by it"},
    "even": {"type": "string", "minLength": 1, "description": "a label of nodes: its Pods are spread evenly over it"},
    "hard": {"type": "boolean", "default": false, "description": "apart and even: a Pod waits rather than be placed otherwise"},
    "priority": {"type": "string", "description": "a PriorityClass; empty: none"}}})";
constexpr std::string_view kCordon = R"({
  "type": "object", "additionalProperties": false, "properties": {
    "unschedulable": {"type": "boolean", "default": true, "description": "false: it takes Pods again"}}})";
constexpr std::string_view kSetTraffic = R"({
  "type": "object", "additionalProperties": false, "required": ["weights"], "properties": {
    "weights": {"type": "object", "description": "{\"web-v1\": 90, \"web-v2\": 10}; a service that is not named keeps its own"},
    "rule": {"type": "integer", "minimum": 0, "description": "which, from 0; left out: the one that has these services"}}})";
constexpr std::string_view kPatchSchema = R"({
  "type": "object", "additionalProperties": false, "required": ["patch"], "properties": {
    "patch": {"type": "object", "description": "a merge patch: {\"spec\": {\"suspend\": true}}"}}})";

std::vector<std::string> names_of_primitives() {
  std::vector<std::string> all;
  for (const Primitive& each : primitives()) all.emplace_back(each.name);
  return all;
}

bool fits_kind(const Primitive& primitive, const Target& target) {
  if (primitive.kinds.empty()) return true;
  const kube::Kind* known = known_kind(target.kind.kind);
  return known != nullptr && known->group == target.kind.group &&
         std::find(primitive.kinds.begin(), primitive.kinds.end(), target.kind.kind) !=
             primitive.kinds.end();
}

}  // namespace

const std::vector<Primitive>& primitives() {
  static const std::vector<Primitive> all = {
      {"scale",
       "Sets how many Pods a workload has; where an HPA or a ScaledObject of KEDA's owns that, "
       "through it.",
       kScale,
       {},
       30 * kSecond,
       &scale},
      {"resize",
       "Gives a Pod's container other CPU and memory, in place; where that cannot be, by "
       "recreation through its owner.",
       kResize,
       {"Pod"},
       60 * kSecond,
       &resize,
       &check_resources},
      {"set_autoscaler",
       "Applies an HPA, or a ScaledObject of KEDA's, for a workload.",
       kSetAutoscaler,
       {"Deployment", "StatefulSet", "ReplicaSet"},
       30 * kSecond,
       &set_autoscaler,
       &check_autoscaler},
      {"rollout_restart",
       "Replaces a workload's Pods, one after the other.",
       kNoArguments,
       {"Deployment", "StatefulSet", "DaemonSet"},
       30 * kSecond,
       &restart_rollout},
      {"evict",
       "Ends a Pod, as far as disruption budgets allow it; its owner makes it anew.",
       kEvict,
       {"Pod"},
       30 * kSecond,
       &evict,
       &check_eviction},
      {"place",
       "Says where a workload's next Pods go: node selector, affinity, spread, priority.",
       kPlace,
       {"Deployment", "StatefulSet", "DaemonSet", "CronJob"},
       30 * kSecond,
       &place},
      {"cordon",
       "Lets a node take no new Pods, or take them again.",
       kCordon,
       {"Node"},
       30 * kSecond,
       &cordon},
      {"set_traffic",
       "Shares requests out among services by a route's weights.",
       kSetTraffic,
       {"HTTPRoute", "VirtualService"},
       30 * kSecond,
       &set_traffic},
      {"patch",
       "Changes fields of any object, as far as the allow-list goes.",
       kPatchSchema,
       {},
       30 * kSecond,
       &patch},
  };
  return all;
}

const Primitive* find_primitive(std::string_view name) {
  const auto found = std::find_if(primitives().begin(), primitives().end(),
                                  [&](const Primitive& each) { return each.name == name; });
  return found == primitives().end() ? nullptr : &*found;
}

json primitive_documents() {
  json list = json::array();
  for (const Primitive& each : primitives()) {
    list.push_back({{"name", each.name},
                    {"summary", each.summary},
                    {"schema", json::parse(each.schema)},
                    {"targets", each.kinds.empty() ? json::array({"any"}) : json(each.kinds)},
                    {"deadline_us", each.deadline_us}});
  }
  return list;
}

Result<Request> check_request(Request request) {
  const Primitive* primitive = find_primitive(request.primitive);
  if (primitive == nullptr) {
    const std::string near = nearest(request.primitive, names_of_primitives());
    return fail(fmt::format(
        "there is no primitive '{}' of objects of a cluster{}",
        cut_utf8(valid_utf8(request.primitive), 100),
        near.empty() ? fmt::format("; there are: {}", fmt::join(names_of_primitives(), ", "))
                     : fmt::format("; did you mean '{}'?", near)));
  }
  const std::string text = request.arguments.dump(-1, ' ', false, json::error_handler_t::replace);
  auto arguments = loader::read_arguments(
      {{"name", primitive->name}, {"schema", json::parse(primitive->schema)}}, text);
  if (!arguments)
    return fail(fmt::format("primitive {}: {}", primitive->name, arguments.error().message));
  if (primitive->check != nullptr) {
    const auto right = primitive->check(*arguments);
    if (!right)
      return fail(fmt::format("primitive {}: {}", primitive->name, right.error().message));
  }
  if (request.deadline_us < 0 || request.deadline_us > kLongestDeadline)
    return fail("the deadline must be above 0, and at most 24h");
  if (request.deadline_us == 0) request.deadline_us = primitive->deadline_us;
  request.arguments = std::move(*arguments);
  return request;
}

Outcome act(kube::Client& client, const Request& request, const std::stop_token& stop,
            kube::Recorder* recorder) {
  const Primitive* primitive = find_primitive(request.primitive);
  if (primitive == nullptr) return unsupported("there is no primitive " + request.primitive);
  if (!fits_kind(*primitive, request.target))
    return unsupported(fmt::format("{} is for {}, and {} is none", primitive->name,
                                   fmt::join(primitive->kinds, ", "), named(request.target)));
  Session session(client, request, stop);
  Outcome outcome = primitive->act(session);
  if (request.dry_run) return outcome;
  if (recorder == nullptr) {
    tell(client, request, session.uid(), outcome, stop);
  } else if (outcome.answered && !session.uid().empty()) {
    recorder->record(event_of(request, session.uid(), outcome));
  }
  return outcome;
}

}  // namespace scanflow::orchestrate
