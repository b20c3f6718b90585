#include "engine/cli/kube_sidecars.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "engine/cli/text.hpp"
#include "engine/inject/inject.hpp"
#include "engine/inject/policy.hpp"
#include "engine/kube/client.hpp"
#include "engine/orchestrate/target.hpp"

namespace scanflow::cli {

using nlohmann::json;

namespace {

constexpr const char* kHas = "yes";
constexpr const char* kMissing = "MISSING";
constexpr const char* kNone = "no";

/// A Pod, and what is known of its sidecar.
struct Seen {
  std::string name_space, name, sidecar, why;
};

bool is_ending(const json& pod) {
  const std::string phase = pod.value("/status/phase"_json_pointer, "");
  return phase == "Succeeded" || phase == "Failed" || pod["metadata"].contains("deletionTimestamp");
}

/// What its owner does about it.
std::string fix_of(const json& pod, const Seen& seen) {
  if (orchestrate::controller_of(pod))
    return fmt::format("scanflow primitive send pod/{}.{} evict: its owner makes it anew",
                       seen.name, seen.name_space);
  return "nobody makes it anew: delete it, and create it again";
}

Seen seen(json pod, const inject::Settings& settings) {
  Seen seen{pod["metadata"].value("namespace", ""), pod["metadata"].value("name", ""), kNone, ""};
  pod["apiVersion"] = "v1";
  pod["kind"] = "Pod";
  const auto patch = inject::inject(pod, seen.name_space, settings);
  if (!patch) {
    seen.why = patch.error().message;
    return seen;
  }
  for (const inject::Report& report : patch->reports) {
    if (report.outcome == inject::Outcome::skipped) {
      seen.why = report.reason;
    } else if (report.outcome == inject::Outcome::injected) {
      seen.sidecar = kMissing;
      seen.why = fix_of(pod, seen);
    } else {
      seen.sidecar = kHas;
    }
  }
  return seen;
}

/// Those whose Pods get a sidecar; or the one that was asked for.
kube::Answer<std::vector<std::string>> namespaces(kube::Client& client,
                                                  const KubeOptions& options) {
  if (!options.name_space.empty()) return std::vector{options.name_space};
  const auto list = client.list(kube::kinds::kNamespace, "",
                                {.labels = fmt::format("{}=enabled", inject::kNamespaceLabel)});
  if (!list) return tl::unexpected(list.error());
  std::vector<std::string> names;
  for (const json& each : list->items) names.push_back(each["metadata"]["name"]);
  return names;
}

kube::Answer<std::vector<Seen>> look(kube::Client& client,
                                     const std::vector<std::string>& name_spaces,
                                     const inject::Settings& settings) {
  std::vector<Seen> all;
  for (const std::string& each : name_spaces) {
    const auto pods = client.list(kube::kinds::kPod, each);
    if (!pods) return tl::unexpected(pods.error());
    for (const json& pod : pods->items) {
      if (!is_ending(pod)) all.push_back(seen(pod, settings));
    }
  }
  // What is to be done comes first.
  std::stable_partition(all.begin(), all.end(),
                        [](const Seen& pod) { return pod.sidecar == kMissing; });
  return all;
}

void show(const Context& context, const std::vector<Seen>& all) {
  if (context.json) {
    json list = json::array();
    for (const Seen& each : all) {
      list.push_back({{"namespace", each.name_space},
                      {"pod", each.name},
                      {"sidecar", each.sidecar == kHas},
                      {"missing", each.sidecar == kMissing},
                      {"why", each.why}});
    }
    fmt::print("{}\n", json{{"pods", list}}.dump(-1, ' ', false, json::error_handler_t::replace));
    return;
  }
  std::vector<std::vector<std::string>> rows;
  rows.reserve(all.size());
  for (const Seen& each : all)
    rows.push_back({each.name_space, each.name, each.sidecar, printable(each.why)});
  fmt::print("{}", table({"NAMESPACE", "POD", "SIDECAR", ""}, rows, table_width(STDOUT_FILENO)));
}

}  // namespace

int kube_sidecars(const Context& context, const KubeOptions& options) {
  const auto client = kube::Client::open_at({options.kubeconfig, options.context});
  if (!client) return complain(context, kEngine, client.error().message);
  const auto told = [&](const kube::Failure& failure, const char* asked) {
    return complain(context, kEngine, kube::explained(failure, asked));
  };
  const auto where = namespaces(**client, options);
  if (!where) return told(where.error(), "list namespaces (or name one by --kube-namespace)");
  if (where->empty()) {
    return complain(context, kUsage,
                    fmt::format("no namespace has the label {0}=enabled, so Pods get no sidecar: "
                                "kubectl label namespace NAME {0}=enabled",
                                inject::kNamespaceLabel));
  }
  inject::Settings settings = inject::defaults("");
  settings.only_enabled = options.only_enabled;
  const auto all = look(**client, *where, settings);
  if (!all) return told(all.error(), "list Pods");
  show(context, *all);
  const auto missing = std::count_if(all->begin(), all->end(),
                                     [](const Seen& pod) { return pod.sidecar == kMissing; });
  if (!context.json)
    fmt::print(stderr, "{} Pods, {} of them without the sidecar that they should have\n",
               all->size(), missing);
  return missing > 0 ? kRunFailed : kSucceeded;
}

}  // namespace scanflow::cli
