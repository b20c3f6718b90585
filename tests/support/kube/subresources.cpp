// What hangs on objects and is no part of them: scale, eviction, binding, log, token.
#include <fmt/format.h>

#include <algorithm>

#include "tests/support/kube/api.hpp"
#include "tests/support/kube/objects.hpp"
#include "tests/support/kube/patch.hpp"

namespace scanflow::test::kube {
namespace {

/// A Scale of a workload, as of autoscaling/v1.
json scale_of(const json& object) {
  json metadata = json::object();
  for (const char* member : {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"})
    metadata[member] = object["metadata"][member];
  std::string selector;
  const json labels = object.value("/spec/selector/matchLabels"_json_pointer, json::object());
  for (const auto& [key, value] : labels.items())
    selector += (selector.empty() ? "" : ",") + key + "=" + value.get<std::string>();
  json spec = json::object();
  if (object["spec"].value("replicas", 0) != 0) spec["replicas"] = object["spec"]["replicas"];
  return {
      {"kind", "Scale"},
      {"apiVersion", "autoscaling/v1"},
      {"metadata", std::move(metadata)},
      {"spec", std::move(spec)},
      {"status",
       {{"replicas", object.value("/status/replicas"_json_pointer, 0)}, {"selector", selector}}}};
}

Answer scale(Cluster& cluster, const Call& call) {
  const Held before = existing(cluster, call);
  const json now = scale_of(before->object());
  Answer answer;
  answer.body = now;
  if (call.route.verb == "get") return answer;
  if (call.route.verb != "update" && call.route.verb != "patch") throw method_not_allowed();
  Resource scales;
  scales.kind = "Scale";
  const json next = call.route.verb == "update"
                        ? call.body()
                        : patched(scales, now, call.content_type(), call.body());
  const std::string version = next["metadata"].value("resourceVersion", "");
  if (!version.empty() && version != std::to_string(before->version()))
    throw modified(call.resource(), call.route.name);
  const int replicas = next.value("/spec/replicas"_json_pointer, 0);
  if (replicas < 0)
    throw invalid({.group = "autoscaling", .kind = "Scale"}, call.route.name,
                  {{"FieldValueInvalid",
                    fmt::format("Invalid value: {}: must be greater than or equal to 0", replicas),
                    "spec.replicas"}});
  json object = before->object();
  object["spec"]["replicas"] = replicas;
  if (call.is_dry_run()) {
    answer.body = scale_of(object);
  } else {
    const Held held =
        replace_object(cluster, call.resource(), before, std::move(object), Part::spec);
    answer.body = scale_of(held->object());
  }
  return answer;
}

Answer success(int code) {
  Answer answer;
  answer.status = code;
  answer.body = {{"kind", "Status"},
                 {"apiVersion", "v1"},
                 {"metadata", json::object()},
                 {"status", "Success"},
                 {"code", code}};
  return answer;
}

/// Throws where a budget has nothing left for this Pod; else takes one of it.
void spend_budget(Cluster& cluster, const json& pod) {
  const Resource& budgets = *cluster.known.find("policy", "v1", "poddisruptionbudgets");
  const std::string name_space = pod["metadata"]["namespace"];
  const Store::Objects all = cluster.store.objects(budgets);
  for (const auto& [key, held] : all) {
    const json& budget = held->object();
    if (budget["metadata"]["namespace"] != name_space ||
        !matches_labels(selector_of(budget["spec"].value("selector", json::object())), pod))
      continue;
    const json status = budget.value("status", json::object());
    const int allowed = status.value("disruptionsAllowed", 0);
    const std::string name = budget["metadata"]["name"];
    if (allowed <= 0)
      throw too_many(
          "Cannot evict pod as it would violate the pod's disruption budget.", 0,
          {{"causes", causes_of({{"DisruptionBudget",
                                  fmt::format("The disruption budget {} needs {} healthy pods and "
                                              "has {} currently",
                                              name, status.value("desiredHealthy", 0),
                                              status.value("currentHealthy", 0)),
                                  ""}})}});
    json next = budget;
    next["status"]["disruptionsAllowed"] = allowed - 1;
    next["status"]["disruptedPods"][pod["metadata"]["name"].get<std::string>()] = cluster.now();
    replace_object(cluster, budgets, held, std::move(next), Part::status);
  }
}

Answer evict(Cluster& cluster, const Call& call) {
  if (call.route.verb != "create") throw method_not_allowed();
  const Held pod = existing(cluster, call);
  const json options = call.body().value("deleteOptions", json::object());
  Deletion deletion;
  if (options.contains("gracePeriodSeconds"))
    deletion.grace_s = options["gracePeriodSeconds"].get<std::int64_t>();
  deletion.uid = options.value("/preconditions/uid"_json_pointer, "");
  const std::string phase = pod->object().value("/status/phase"_json_pointer, "");
  const bool dry = call.is_dry_run() || !options.value("dryRun", json::array()).empty();
  if (dry) return success(201);
  if (phase == "Running") spend_budget(cluster, pod->object());
  delete_object(cluster, call.resource(), call.key(), deletion);
  return success(201);
}

Answer bind(Cluster& cluster, const Call& call) {
  if (call.route.verb != "create") throw method_not_allowed();
  const Held held = existing(cluster, call);
  json pod = held->object();
  if (!pod["spec"].value("nodeName", "").empty())
    throw conflict(call.resource(), call.route.name,
                   fmt::format("pod {} is already assigned to node \"{}\"", call.route.name,
                               pod["spec"]["nodeName"].get<std::string>()));
  pod["spec"]["nodeName"] = call.body().at("target").at("name");
  cluster.store.put(call.resource(), std::move(pod));
  return success(201);
}

std::string container_of(const Call& call, const json& pod) {
  const std::string asked = call.parameter("container");
  std::vector<std::string> names;
  for (const char* list : {"containers", "initContainers"}) {
    for (const json& one : pod["spec"].value(list, json::array())) names.push_back(one["name"]);
  }
  if (asked.empty()) {
    const json& containers = pod["spec"]["containers"];
    if (containers.size() == 1) return containers[0]["name"];
    std::string list;
    for (const json& one : containers)
      list += (list.empty() ? "" : " ") + one["name"].get<std::string>();
    throw bad_request(
        fmt::format("a container name must be specified for pod {}, choose one of: [{}]",
                    call.route.name, list));
  }
  if (std::find(names.begin(), names.end(), asked) != names.end()) return asked;
  throw bad_request(fmt::format("container {} is not valid for pod {}", asked, call.route.name));
}

/// It writes nothing before it runs.
void check_started(const json& pod, const std::string& container) {
  for (const char* list : {"containerStatuses", "initContainerStatuses"}) {
    for (const json& one : pod["status"].value(list, json::array())) {
      if (one["name"] != container || !one["state"].contains("waiting")) continue;
      if (!one["lastState"].empty()) return;
      const std::string why = one["state"]["waiting"].value("reason", "ContainerCreating");
      throw bad_request(fmt::format("container \"{}\" in pod \"{}\" is waiting to start: {}",
                                    container, pod["metadata"]["name"].get<std::string>(), why));
    }
  }
}

std::string lines_of(const Cluster& cluster, const Call& call, const Logs::Output& output) {
  const std::string tail = call.parameter("tailLines"), since = call.parameter("sinceTime"),
                    seconds = call.parameter("sinceSeconds");
  // Of a time that is asked for the API server passes on whole seconds.
  std::int64_t from_s = since.empty() ? 0 : seconds_of(since);
  if (!seconds.empty()) from_s = cluster.now_s() - std::stoll(seconds);
  std::vector<const LogLine*> lines;
  for (const LogLine& line : output.lines) {
    if (line.time_us >= from_s * 1'000'000) lines.push_back(&line);
  }
  if (!tail.empty() && lines.size() > std::stoul(tail))
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(std::stoul(tail)));
  std::string text;
  for (const LogLine* line : lines) text += shown(*line, call.parameter("timestamps") == "true");
  const std::string limit = call.parameter("limitBytes");
  return limit.empty() ? text : text.substr(0, std::stoul(limit));
}

Answer log(Cluster& cluster, const Call& call) {
  if (call.route.verb != "get") throw method_not_allowed();
  const Held held = existing(cluster, call);
  const json& pod = held->object();
  const std::string container = container_of(call, pod);
  check_started(pod, container);
  const bool previous = call.parameter("previous") == "true";
  Logs::Output& output = cluster.logs.of(pod["metadata"]["uid"], container, previous);
  Answer answer;
  answer.content_type = "text/plain";
  answer.text = lines_of(cluster, call, output);
  if (call.parameter("follow") != "true") {
    if (answer.text.empty()) answer.body = "";
    return answer;
  }
  answer.log = std::make_shared<LogStream>(cluster.lock, std::exchange(answer.text, {}),
                                           output.ended, call.parameter("timestamps") == "true");
  output.followers.push_back(answer.log);
  return answer;
}

Answer token(Cluster& cluster, const Call& call) {
  if (call.route.verb != "create") throw method_not_allowed();
  existing(cluster, call);
  json request = call.body();
  const std::int64_t life_s = request.value("/spec/expirationSeconds"_json_pointer, 3600);
  if (life_s < 600)
    throw invalid(
        {.group = "authentication.k8s.io", .kind = "TokenRequest"}, "",
        {{"FieldValueInvalid",
          fmt::format("Invalid value: {}: may not specify a duration less than 10 minutes", life_s),
          "spec.expirationSeconds"}});
  const std::int64_t end_s = cluster.now_s() + life_s;
  request["kind"] = "TokenRequest";
  request["apiVersion"] = "authentication.k8s.io/v1";
  request["metadata"] = {{"name", call.route.name},
                         {"namespace", call.route.name_space},
                         {"creationTimestamp", cluster.now()}};
  request["spec"]["expirationSeconds"] = life_s;
  request["status"] = {
      {"token", cluster.users.add(service_account(call.route.name_space, call.route.name), end_s)},
      {"expirationTimestamp", time_of(end_s)}};
  Answer answer;
  answer.status = 201;
  answer.body = std::move(request);
  return answer;
}

}  // namespace

Answer subresource(Cluster& cluster, const Call& call) {
  const std::string& name = call.route.subresource;
  if (name == "scale") return scale(cluster, call);
  if (name == "eviction") return evict(cluster, call);
  if (name == "binding") return bind(cluster, call);
  if (name == "log") return log(cluster, call);
  if (name == "token") return token(cluster, call);
  throw no_such_path();
}

}  // namespace scanflow::test::kube
