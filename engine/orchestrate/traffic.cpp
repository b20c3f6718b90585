#include "engine/orchestrate/traffic.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "engine/kube/fields.hpp"

namespace scanflow::orchestrate {
namespace {

constexpr std::int64_t kMostWeight = 1'000'000;  // of the Gateway API

/// Where a kind of route has its rules, and a rule its services.
struct Shape {
  const char *rules, *services;
  std::int64_t weight;  // of a service that says none
};
Shape shape_of(const Target& target) {
  if (target.kind.kind == "VirtualService") return {"http", "route", 0};
  return {"rules", "backendRefs", 1};
}

std::string service_of(const Target& target, const json& each) {
  if (target.kind.kind != "VirtualService") return kube::text_of(each, "name");
  const json& destination = kube::part_of(each, "destination");
  const std::string subset = kube::text_of(destination, "subset");
  return kube::text_of(destination, "host") + (subset.empty() ? "" : "/" + subset);
}

bool is_meant(const std::string& service, const std::string& name) {
  const std::size_t slash = service.find('/');
  return service == name || (slash != std::string::npos && service.substr(slash + 1) == name);
}

std::int64_t weight_of(const Target& target, const json& each, std::size_t services) {
  const json weight = each.value("weight", json());
  if (weight.is_number_integer()) return weight;
  // Istio sends all to the only one there is.
  return target.kind.kind == "VirtualService" && services == 1 ? 100 : shape_of(target).weight;
}

/// Why a rule cannot have these weights; "": it can.
std::string why_not(const Target& target, const json& rule, const json& weights) {
  const json there = weights_of(target, rule);
  std::vector<std::string> names;
  for (const json& each : there) names.push_back(each["service"]);
  for (const auto& item : weights.items()) {
    const std::string& name = item.key();
    const auto meant = std::count_if(names.begin(), names.end(),
                                     [&](const std::string& each) { return is_meant(each, name); });
    if (meant == 0)
      return fmt::format("has no service '{}'; there are: {}", name, fmt::join(names, ", "));
    if (meant > 1)
      return fmt::format("'{}' is several of: {}; write the one that is meant", name,
                         fmt::join(names, ", "));
  }
  return {};
}

json weighted(const Target& target, json rule, const json& weights) {
  json& services = rule[shape_of(target).services];
  for (json& each : services) {
    for (const auto& [name, weight] : weights.items()) {
      if (is_meant(service_of(target, each), name)) each["weight"] = weight;
    }
  }
  return rule;
}

Result<void> check_weights(const json& weights) {
  if (weights.empty()) return fail("no service is named: weights={\"web-v1\": 90, \"web-v2\": 10}");
  for (const auto& [name, weight] : weights.items()) {
    if (!weight.is_number_integer() || weight < 0 || weight > kMostWeight)
      return fail(
          fmt::format("the weight of '{}' must be an integer from 0 to {}", name, kMostWeight));
  }
  return {};
}

/// The rule that is meant.
tl::expected<std::size_t, Outcome> chosen_rule(const Target& target, const json& rules,
                                               const json& arguments) {
  const json& weights = arguments.at("weights");
  if (arguments.contains("rule")) {
    const std::size_t rule = arguments["rule"];
    if (rule >= rules.size())
      return tl::unexpected(
          refused(fmt::format("{} has {}, counted from 0: no rule {}", named(target),
                              counted(static_cast<std::int64_t>(rules.size()), "rule"), rule)));
    const std::string why = why_not(target, rules[rule], weights);
    if (why.empty()) return rule;
    return tl::unexpected(refused(fmt::format("rule {} of {} {}", rule, named(target), why)));
  }
  std::vector<std::size_t> good;
  std::string why;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const std::string problem = why_not(target, rules[i], weights);
    if (problem.empty()) good.push_back(i);
    if (!problem.empty() && why.empty()) why = fmt::format("rule {} {}", i, problem);
  }
  if (good.size() == 1) return good[0];
  if (good.empty())
    return tl::unexpected(refused(
        fmt::format("{}: {}", named(target), why.empty() ? "it has no rule (of HTTP)" : why)));
  return tl::unexpected(
      refused(fmt::format("{}: rules {} all have these services: say which "
                          "(rule={})",
                          named(target), fmt::join(good, ", "), good[0])));
}

}  // namespace

json weights_of(const Target& target, const json& rule) {
  json list = json::array();
  const json services = rule.value(shape_of(target).services, json::array());
  for (const json& each : services)
    list.push_back({{"service", service_of(target, each)},
                    {"weight", weight_of(target, each, services.size())}});
  return list;
}

Planned plan_traffic(const Target& target, const json& route, const json& arguments) {
  const json& weights = arguments.at("weights");
  if (const auto right = check_weights(weights); !right)
    return tl::unexpected(refused(right.error().message));
  const char* name = shape_of(target).rules;
  const json rules = kube::part_of(route, "spec").value(name, json::array());
  const auto chosen = chosen_rule(target, rules, arguments);
  if (!chosen) return tl::unexpected(chosen.error());
  json after = route;
  json& rule = after["spec"][name][*chosen];
  rule = weighted(target, rule, weights);
  const json now = weights_of(target, rule);
  std::int64_t sum = 0;
  std::vector<std::string> shares;
  for (const json& each : now) {
    sum += each["weight"].get<std::int64_t>();
    shares.push_back(fmt::format("{} {}", each["service"].get<std::string>(),
                                 each["weight"].get<std::int64_t>()));
  }
  if (sum == 0)
    return tl::unexpected(refused(fmt::format(
        "{}: all weights of rule {} would be 0, and every request refused: leave one above 0",
        named(target), *chosen)));
  json body = guarded_diff(route, after);
  const std::string message = fmt::format("{}: {}", named(target), fmt::join(shares, ", "));
  const json evidence = {
      {"rule", *chosen},
      {"weights", {{"before", weights_of(target, rules[*chosen])}, {"after", now}}}};
  if (body.empty()) return Plan{{}, message + " (so it was already)", evidence};
  return Plan{{{target, route, std::move(body)}}, message, evidence};
}

}  // namespace scanflow::orchestrate
