// delete and deletecollection.
#include "tests/support/kube/admission.hpp"
#include "tests/support/kube/api.hpp"
#include "tests/support/kube/objects.hpp"

namespace scanflow::test::kube {
namespace {

Deletion deletion_of(const Call& call) {
  const json options = call.request.body.empty() ? json::object() : call.body();
  Deletion deletion;
  const std::string grace = call.parameter("gracePeriodSeconds");
  if (!grace.empty()) deletion.grace_s = std::stoll(grace);
  if (options.contains("gracePeriodSeconds") && options["gracePeriodSeconds"].is_number())
    deletion.grace_s = options["gracePeriodSeconds"].get<std::int64_t>();
  const std::string policy =
      options.value("propagationPolicy", call.parameter("propagationPolicy"));
  if (!policy.empty()) deletion.propagation = policy;
  const json conditions = options.value("preconditions", json::object());
  deletion.uid = conditions.value("uid", "");
  deletion.version = conditions.value("resourceVersion", "");
  return deletion;
}

bool dry(const Call& call) {
  if (call.is_dry_run()) return true;
  if (call.request.method != "DELETE" || call.request.body.empty()) return false;
  const json options = call.body();
  return !options.value("dryRun", json::array()).empty();
}

Answer deleted(const Resource& resource, const Held& held) {
  const json& metadata = held->object().at("metadata");
  if (resource.kind == "Pod" || metadata.contains("deletionTimestamp")) return answer_of(held);
  json details = {{"name", metadata["name"]}, {"kind", resource.plural}, {"uid", metadata["uid"]}};
  if (!resource.group.empty()) details["group"] = resource.group;
  Answer answer;
  answer.body = {{"kind", "Status"},
                 {"apiVersion", "v1"},
                 {"metadata", json::object()},
                 {"status", "Success"},
                 {"details", std::move(details)}};
  return answer;
}

}  // namespace

Answer remove(Cluster& cluster, const Call& call) {
  const Held before = existing(cluster, call);
  admit_by_webhooks(cluster, "delete", before->object());
  if (dry(call)) return deleted(call.resource(), before);
  return deleted(call.resource(),
                 delete_object(cluster, call.resource(), call.key(), deletion_of(call)));
}

Answer remove_collection(Cluster& cluster, const Call& call) {
  const Selector selector(call.resource(), call.route.name_space, call.parameter("labelSelector"),
                          call.parameter("fieldSelector"));
  const Deletion deletion = deletion_of(call);
  json items = json::array();
  const Store::Objects all = cluster.store.objects(call.resource());
  for (const auto& [key, held] : all) {
    if (!selector.matches(*held) || !cluster.store.find(call.resource(), key)) continue;
    items.push_back(delete_object(cluster, call.resource(), key, deletion)->object());
  }
  Answer answer;
  answer.body = {{"kind", call.resource().kind + "List"},
                 {"apiVersion", call.resource().api_version()},
                 {"metadata", {{"resourceVersion", std::to_string(cluster.store.version())}}},
                 {"items", std::move(items)}};
  return answer;
}

}  // namespace scanflow::test::kube
