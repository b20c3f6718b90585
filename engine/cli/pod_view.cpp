#include "engine/cli/pod_view.hpp"

#include <fmt/format.h>

#include <set>

#include "engine/cli/text.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::cli {

using nlohmann::json;

namespace {

std::string many(std::size_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string kept_words(const json& pod) {
  return pod.value("kept", false) ? fmt::format(", kept: use {}", pod.value("use", 1)) : "";
}

std::string of(const std::string& now, const std::string& most) { return now + " of " + most; }

std::string age_of(const KeptPod& pod) {
  const std::string age = format_duration(pod.age_us);
  return pod.most_age_us > 0 ? of(age, format_duration(pod.most_age_us)) : age;
}

std::string idle_of(const KeptPod& pod) {
  return of(format_duration(pod.idle_us), format_duration(pod.most_idle_us));
}

std::string uses_of(const KeptPod& pod) {
  return of(std::to_string(pod.uses), std::to_string(pod.most_uses));
}

}  // namespace

std::string pod_cell(const json& pod) {
  return pod.is_object() ? printable(pod.value("name", "")) + kept_words(pod) : "";
}

std::string pod_words(const json& pod) {
  if (!pod.is_object()) return {};
  const std::string node = pod.value("node", "");
  return fmt::format("in Pod {}{}{}", printable(pod.value("name", "")),
                     node.empty() ? "" : " on " + printable(node), kept_words(pod));
}

std::string pods_line(const json& steps) {
  std::set<std::string> names, places;
  std::size_t placed = 0, kept = 0;
  for (const json& step : steps) {
    if (!step.contains("pod")) continue;
    const json& pod = step.at("pod");
    ++placed;
    if (pod.value("kept", false)) ++kept;
    names.insert(pod.value("name", ""));
    const std::string node = printable(pod.value("node", ""));
    places.insert(pod.value("backend", "") + (node.empty() ? "" : " on " + node));
  }
  if (placed == 0) return {};
  const std::string pods =
      fmt::format("{} ({})", many(names.size(), "Pod"), fmt::join(places, ", "));
  return kept == 0 ? pods
                   : fmt::format("{}; {} of {} ran in kept ones", pods, kept, many(placed, "step"));
}

std::vector<KeptPod> kept_pods(const json& top) {
  std::vector<KeptPod> kept;
  for (const json& pod : top.value("pods", json::array())) {
    if (!pod.at("run").is_null()) continue;
    kept.push_back({printable(pod.at("name").get<std::string>()), pod.at("idle_us"),
                    pod.at("most_idle_us"), pod.at("uses"), pod.at("most_uses"), pod.at("age_us"),
                    pod.at("most_age_us")});
  }
  return kept;
}

std::string kept_summary(const std::vector<KeptPod>& kept) {
  if (kept.empty()) return {};
  return many(kept.size(), "Pod") + (kept.size() == 1 ? " is kept" : " are kept");
}

std::vector<std::string> kept_lines(const std::vector<KeptPod>& kept, std::size_t most) {
  std::vector<std::string> lines;
  for (const KeptPod& pod : kept) {
    if (lines.size() + 1 == most && kept.size() > most) {
      lines.push_back(fmt::format("  and {} more", kept.size() - lines.size()));
      break;
    }
    lines.push_back(fmt::format("  {} waits for a step: idle {}, {} steps, age {}", pod.name,
                                idle_of(pod), uses_of(pod), age_of(pod)));
  }
  return lines;
}

std::string kept_table(const std::vector<KeptPod>& kept, std::size_t width) {
  if (kept.empty()) return {};
  std::vector<std::vector<std::string>> rows;
  rows.reserve(kept.size());
  for (const KeptPod& pod : kept)
    rows.push_back({pod.name, idle_of(pod), uses_of(pod), age_of(pod)});
  return table({"KEPT POD", "IDLE", "STEPS", "AGE"}, rows, width);
}

}  // namespace scanflow::cli
