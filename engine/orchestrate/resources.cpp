#include "engine/orchestrate/resources.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <cmath>
#include <tuple>
#include <utility>

#include "engine/kube/fields.hpp"

namespace scanflow::orchestrate {
namespace {

constexpr const char* kOurSidecar = "scanflow-sidecar";

const json& container_named(const json& list, const std::string& name) {
  static const json none;
  for (const json& each : list) {
    if (kube::text_of(each, "name") == name) return each;
  }
  return none;
}

/// Those that run for as long as the Pod does: with the name of the list that they are in.
std::vector<std::pair<std::string, std::string>> lasting_containers(const json& spec) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const json& each : spec.value("containers", json::array()))
    all.emplace_back("containers", kube::text_of(each, "name"));
  for (const json& each : spec.value("initContainers", json::array())) {
    if (kube::text_of(each, "restartPolicy") == "Always")
      all.emplace_back("initContainers", kube::text_of(each, "name"));
  }
  return all;
}

tl::expected<std::pair<std::string, std::string>, Outcome> chosen_container(
    const Target& pod, const json& spec, const std::string& wanted) {
  const auto all = lasting_containers(spec);
  std::vector<std::string> names, apps;
  for (const auto& [list, name] : all) {
    names.push_back(name);
    if (name == wanted) return std::pair{list, name};
    if (list == "containers" && name != kOurSidecar) apps.push_back(name);
  }
  if (wanted.empty() && apps.size() == 1) return std::pair{std::string("containers"), apps[0]};
  return tl::unexpected(refused(
      wanted.empty() ? fmt::format("{} has several containers: say which (container=NAME): {}",
                                   named(pod), fmt::join(names, ", "))
                     : fmt::format("{} has no container '{}' that stays; there are: {}", named(pod),
                                   wanted, fmt::join(names, ", "))));
}

/// One resource. The request and a limit that is the same go together.
void resize_one(json& resources, const char* resource, const json& request, const json& limit) {
  const json old_request = kube::part_of(resources, "requests").value(resource, json());
  const json old_limit = kube::part_of(resources, "limits").value(resource, json());
  const bool together =
      !old_limit.is_null() && (old_request.is_null() || same_quantity(old_request, old_limit));
  if (!request.is_null()) resources["requests"][resource] = request;
  if (!limit.is_null()) resources["limits"][resource] = limit;
  if (together && limit.is_null() && !request.is_null()) resources["limits"][resource] = request;
  if (together && request.is_null() && !limit.is_null()) resources["requests"][resource] = limit;
}

std::string too_low_limit(const json& resources) {
  for (const auto& [resource, limit] : kube::part_of(resources, "limits").items()) {
    const auto most = quantity(limit);
    const auto least = quantity(kube::part_of(resources, "requests").value(resource, json()));
    if (most && least && *least > *most)
      return fmt::format("its limit of {0} ({1}) would be below its request: {0}_limit= raises it",
                         resource, limit.is_string() ? limit.get<std::string>() : limit.dump());
  }
  return {};
}

bool restarts_for(const json& container, const json& before, const json& after) {
  for (const json& policy : container.value("resizePolicy", json::array())) {
    if (kube::text_of(policy, "restartPolicy") != "RestartContainer") continue;
    const std::string resource = kube::text_of(policy, "resourceName");
    for (const char* part : {"requests", "limits"}) {
      if (!same_quantity(kube::part_of(before, part).value(resource, json()),
                         kube::part_of(after, part).value(resource, json())))
        return true;
    }
  }
  return false;
}

json with_resources(json spec, const Resizing& resizing) {
  for (json& each : spec[resizing.list]) {
    if (kube::text_of(each, "name") == resizing.container) each["resources"] = resizing.after;
  }
  return spec;
}

json one_container(const Resizing& resizing, const json& resources) {
  return {{resizing.list, json::array({{{"name", resizing.container}, {"resources", resources}}})}};
}

/// Has the kubelet given it all that it is to have?
bool is_given(const json& status, const json& wanted) {
  for (const char* part : {"requests", "limits"}) {
    for (const auto& [resource, amount] : kube::part_of(wanted, part).items()) {
      if (resource != "cpu" && resource != "memory") continue;
      const json now = kube::part_of(kube::part_of(status, "resources"), part);
      if (!same_quantity(now.value(resource, json()), amount)) return false;
    }
  }
  return true;
}

/// Of this generation of the Pod, or of a cluster that does not say of which.
bool is_of_now(const json& told, std::int64_t generation) {
  const std::int64_t seen = kube::number_of(told, "observedGeneration");
  return seen == 0 || seen >= generation;
}

}  // namespace

std::optional<double> quantity(const json& amount) {
  if (amount.is_number()) return amount.get<double>();
  if (!amount.is_string()) return std::nullopt;
  const std::string& text = amount.get_ref<const std::string&>();
  const std::size_t digits = text.find_first_not_of("0123456789.");
  if (digits == 0 || text.empty()) return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  static constexpr std::array<std::pair<std::string_view, double>, 16> kUnits = {{
      {"", 1},
      {"n", 1e-9},
      {"u", 1e-6},
      {"m", 1e-3},
      {"k", 1e3},
      {"M", 1e6},
      {"G", 1e9},
      {"T", 1e12},
      {"P", 1e15},
      {"E", 1e18},
      {"Ki", 0x1p10},
      {"Mi", 0x1p20},
      {"Gi", 0x1p30},
      {"Ti", 0x1p40},
      {"Pi", 0x1p50},
      {"Ei", 0x1p60},
  }};
  for (const auto& [name, factor] : kUnits) {
    if (unit == name) return number * factor;
  }
  return std::nullopt;
}

bool same_quantity(const json& a, const json& b) {
  const auto first = quantity(a), second = quantity(b);
  if (!first || !second) return a == b;
  return std::abs(*first - *second) <= 1e-9 * std::max(std::abs(*first), std::abs(*second));
}

std::string qos_class(const json& spec) {
  bool any = false, all = true;
  for (const char* list : {"initContainers", "containers"}) {
    for (const json& container : spec.value(list, json::array())) {
      const json& resources = kube::part_of(container, "resources");
      for (const char* resource : {"cpu", "memory"}) {
        const json request = kube::part_of(resources, "requests").value(resource, json());
        const json limit = kube::part_of(resources, "limits").value(resource, json());
        any = any || !request.is_null() || !limit.is_null();
        all = all && !limit.is_null() && (request.is_null() || same_quantity(request, limit));
      }
    }
  }
  return !any ? "BestEffort" : all ? "Guaranteed" : "Burstable";
}

Result<void> check_resources(const json& arguments) {
  bool any = false;
  for (const char* name : {"cpu", "memory", "cpu_limit", "memory_limit"}) {
    if (!arguments.contains(name)) continue;
    any = true;
    const auto number = quantity(arguments.at(name));
    if (!number || *number <= 0)
      return fail(
          fmt::format("arguments/{}: {} is no amount above 0, such as 500m or 2 of cpu, "
                      "512Mi of memory",
                      name, arguments.at(name).dump()));
  }
  if (!any) return fail("arguments: one of cpu, memory, cpu_limit, memory_limit is needed");
  return {};
}

tl::expected<Resizing, Outcome> resizing_of(const Target& pod, const json& object,
                                            const json& arguments) {
  const json& spec = kube::part_of(object, "spec");
  const std::string phase = kube::text_of(kube::part_of(object, "status"), "phase");
  if (phase == "Succeeded" || phase == "Failed")
    return tl::unexpected(refused(fmt::format("{} has ended ({})", named(pod), phase)));
  const auto chosen = chosen_container(pod, spec, arguments.value("container", ""));
  if (!chosen) return tl::unexpected(chosen.error());
  Resizing made;
  std::tie(made.list, made.container) = *chosen;
  const json& container = container_named(spec.at(made.list), made.container);
  made.before = made.after = kube::part_of(container, "resources");
  for (const char* resource : {"cpu", "memory"})
    resize_one(made.after, resource, arguments.value(resource, json()),
               arguments.value(std::string(resource) + "_limit", json()));
  made.restarts = restarts_for(container, made.before, made.after);
  if (const std::string why = too_low_limit(made.after); !why.empty())
    return tl::unexpected(
        refused(fmt::format("container {} of {}: {}", made.container, named(pod), why)));
  const std::string before = qos_class(spec), after = qos_class(with_resources(spec, made));
  if (before != after)
    return tl::unexpected(refused(
        fmt::format("container {} of {}: its class of service (QoS) would become {}, and a Pod's "
                    "stays {}: {}",
                    made.container, named(pod), after, before,
                    before == "Guaranteed"   ? "give each limit the same as its request"
                    : before == "BestEffort" ? "set resources in its owner's template instead"
                                             : "leave a limit above its request"),
        {{"qos_class", {{"before", before}, {"after", after}}}}));
  return made;
}

json resize_patch(const Resizing& resizing) {
  return {{"spec", one_container(resizing, merge_diff(resizing.before, resizing.after))}};
}

json template_patch(const Resizing& resizing) {
  return {{"spec", {{"template", {{"spec", one_container(resizing, resizing.after)}}}}}};
}

Progress progress_of(const json& pod, const Resizing& resizing) {
  using State = Progress::State;
  const json& status = kube::part_of(pod, "status");
  const std::int64_t generation = kube::number_of(kube::part_of(pod, "metadata"), "generation");
  const std::string phase = kube::text_of(status, "phase");
  if (phase == "Succeeded" || phase == "Failed") return {State::ended, "", phase, ""};
  for (const json& each : status.value("conditions", json::array())) {
    const std::string type = kube::text_of(each, "type");
    if (kube::text_of(each, "status") != "True" || !is_of_now(each, generation)) continue;
    const std::string reason = kube::text_of(each, "reason");
    const std::string message = kube::text_of(each, "message");
    if (type == "PodResizePending")
      return {reason == "Infeasible" ? State::infeasible : State::deferred, type, reason, message};
    if (type == "PodResizeInProgress") return {State::under_way, type, reason, message};
  }
  const char* statuses =
      resizing.list == "containers" ? "containerStatuses" : "initContainerStatuses";
  const json all = status.value(statuses, json::array());
  const json& container = container_named(all, resizing.container);
  const bool done = is_of_now(status, generation) && is_given(container, resizing.after);
  return {done ? State::done : State::asked, "", "", ""};
}

}  // namespace scanflow::orchestrate
