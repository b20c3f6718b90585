// Pods in words: which one an attempt ran in, and which are kept for the next step. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace scanflow::cli {

/// "scanflow-1f2e, kept: use 3"; `pod`: engine/runtime/run_facts.hpp's pod_document, or null: "".
std::string pod_cell(const nlohmann::json& pod);
/// "in Pod scanflow-1f2e on host7, kept: use 3"
std::string pod_words(const nlohmann::json& pod);
/// "2 Pods (podman on host7); 3 of 5 steps ran in kept ones"; "": none. `steps`: of a result document.
std::string pods_line(const nlohmann::json& steps);

struct KeptPod {
  std::string name;
  std::int64_t idle_us = 0, most_idle_us = 0;
  std::uint32_t uses = 0, most_uses = 0;
  std::int64_t age_us = 0, most_age_us = 0;  // 0: any
};

/// Those that wait for a step; `top`: engine/runtime/top.hpp's document.
std::vector<KeptPod> kept_pods(const nlohmann::json& top);
/// "2 Pods are kept"; "": none.
std::string kept_summary(const std::vector<KeptPod>& kept);
/// A line for each, `most` at most: the last one says how many more there are.
std::vector<std::string> kept_lines(const std::vector<KeptPod>& kept, std::size_t most);
/// As of table(); "": none.
std::string kept_table(const std::vector<KeptPod>& kept, std::size_t width);

}  // namespace scanflow::cli
