#include "tests/support/kube/admission.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "tests/support/kube/status.hpp"

namespace scanflow::test::kube {
namespace {

/// What of an object counts against one of a quota's names; 0: nothing.
double use_of(const Resource& resource, const json& object, const std::string& what) {
  if (what == resource.plural || what == "count/" + resource.qualified()) return 1;
  if (resource.kind != "Pod") return 0;
  const std::string full = what == "cpu" || what == "memory" ? "requests." + what : what;
  return total_of(object.at("spec"), full);
}

/// Pods that have ended count no more.
bool counts(const json& object) {
  const std::string phase = object.value("/status/phase"_json_pointer, "");
  return phase != "Succeeded" && phase != "Failed";
}

std::string amount_text(double amount, const std::string& what) {
  if (what.ends_with("cpu") && amount != static_cast<std::int64_t>(amount))
    return fmt::format("{}m", static_cast<std::int64_t>(amount * 1000 + 0.5));
  const auto whole = static_cast<std::int64_t>(amount);
  if (!what.ends_with("memory") || whole == 0) return std::to_string(whole);
  for (const auto& [unit, shift] : {std::pair{"Gi", 30}, {"Mi", 20}, {"Ki", 10}}) {
    if (whole % (std::int64_t{1} << shift) == 0) return fmt::format("{}{}", whole >> shift, unit);
  }
  return std::to_string(whole);
}

void admit_by_quota(Cluster& cluster, const Resource& resource, const json& object,
                    const json& quota) {
  const std::string name_space = object["metadata"].value("namespace", "");
  std::vector<std::string> requested, used, limited;
  const json limits = quota.value("/spec/hard"_json_pointer, json::object());
  for (const auto& [what, hard] : limits.items()) {
    const double more = use_of(resource, object, what);
    if (more == 0) continue;
    double now = 0;
    const Store::Objects& all = cluster.store.objects(resource);
    for (auto at = all.lower_bound(name_space + "/");
         at != all.end() && at->first.starts_with(name_space + "/"); ++at)
      if (counts(at->second->object())) now += use_of(resource, at->second->object(), what);
    if (now + more <= quantity(hard) + 1e-9) continue;
    requested.push_back(what + "=" + amount_text(more, what));
    used.push_back(what + "=" + amount_text(now, what));
    limited.push_back(what + "=" + (hard.is_string() ? hard.get<std::string>() : hard.dump()));
  }
  if (requested.empty()) return;
  throw forbidden(
      resource, object["metadata"]["name"],
      fmt::format("exceeded quota: {}, requested: {}, used: {}, limited: {}",
                  quota["metadata"]["name"].get<std::string>(), fmt::join(requested, ","),
                  fmt::join(used, ","), fmt::join(limited, ",")));
}

void admit_by_profile(const Resource& resource, const json& name_space, const json& pod) {
  const json labels = name_space["metadata"].value("labels", json::object());
  if (labels.value("pod-security.kubernetes.io/enforce", "") != "restricted") return;
  const std::vector<std::string> violations = restricted_violations(pod.at("spec"));
  if (violations.empty()) return;
  throw forbidden(resource, pod["metadata"]["name"],
                  fmt::format("violates PodSecurity \"restricted:{}\": {}",
                              labels.value("pod-security.kubernetes.io/enforce-version", "latest"),
                              fmt::join(violations, ", ")));
}

}  // namespace

double quantity(const json& amount) {
  if (amount.is_number()) return amount.get<double>();
  const std::string text = amount.get<std::string>();
  std::size_t end = 0;
  const double number = std::stod(text, &end);
  static const std::map<std::string, double> units = {
      {"", 1},     {"m", 1e-3},     {"k", 1e3},      {"M", 1e6},      {"G", 1e9},
      {"T", 1e12}, {"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"Ti", 1099511627776.0}};
  return number * units.at(text.substr(end));
}

double total_of(const json& pod_spec, const std::string& what) {
  const std::size_t dot = what.find('.');
  if (dot == std::string::npos) return 0;
  const std::string kind = what.substr(0, dot), name = what.substr(dot + 1);
  double total = 0;
  for (const char* list : {"containers", "initContainers"}) {
    for (const json& container : pod_spec.value(list, json::array())) {
      const bool stays =
          std::string(list) == "containers" || container.value("restartPolicy", "") == "Always";
      const json amounts = container.value("resources", json::object()).value(kind, json::object());
      if (stays && amounts.contains(name)) total += quantity(amounts[name]);
    }
  }
  return total;
}

void admit_namespace(Cluster& cluster, const Resource& resource, const std::string& name_space,
                     const std::string& name) {
  const Resource& namespaces = cluster.known.core("namespaces");
  const Held held = cluster.store.find(namespaces, name_space);
  if (!held) throw not_found(namespaces, name_space);
  if (!held->object()["metadata"].contains("deletionTimestamp")) return;
  throw forbidden(
      resource, name,
      fmt::format("unable to create new content in namespace {} because it is being terminated",
                  name_space),
      {{"NamespaceTerminating", fmt::format("namespace {} is being terminated", name_space),
        "metadata.namespace"}});
}

void admit(Cluster& cluster, const Resource& resource, const std::string& verb,
           const json& object) {
  const std::string name_space = object["metadata"].value("namespace", "");
  if (resource.kind == "Pod") {
    const Resource& accounts = cluster.known.core("serviceaccounts");
    const std::string account = object["spec"].value("serviceAccountName", "default");
    if (!cluster.store.find(accounts, key_of(accounts, name_space, account)))
      throw forbidden(resource, object["metadata"]["name"],
                      fmt::format("error looking up service account {}/{}: serviceaccount \"{}\" "
                                  "not found",
                                  name_space, account, account));
    const Held space = cluster.store.find(cluster.known.core("namespaces"), name_space);
    if (space) admit_by_profile(resource, space->object(), object);
  }
  admit_by_webhooks(cluster, verb, object);
  const Store::Objects& quotas = cluster.store.objects(cluster.known.core("resourcequotas"));
  for (const auto& [key, quota] : quotas) {
    if (key.starts_with(name_space + "/"))
      admit_by_quota(cluster, resource, object, quota->object());
  }
}

void admit_by_webhooks(Cluster& cluster, const std::string& verb, const json& object) {
  for (const Webhook& webhook : cluster.webhooks) {
    const std::string why = webhook.denies(verb, object);
    if (why.empty()) continue;
    throw failed(403, "Forbidden",
                 fmt::format("admission webhook \"{}\" denied the request: {}", webhook.name, why));
  }
}

}  // namespace scanflow::test::kube
