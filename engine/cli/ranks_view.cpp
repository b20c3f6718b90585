#include "engine/cli/ranks_view.hpp"

#include <fmt/format.h>

#include "engine/cli/text.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::cli {

using nlohmann::json;

namespace {

constexpr std::size_t kMostRanks = 16;

std::string rank_place(const json& rank) {
  const std::string pod = rank.value("pod", ""), node = rank.value("node", "");
  if (pod.empty()) return {};
  return fmt::format("  in Pod {}{}", printable(pod), node.empty() ? "" : " on " + printable(node));
}

std::string line_of(const json& rank) {
  const std::string message = rank.value("message", "");
  const auto seconds_us = static_cast<std::int64_t>(rank.value("seconds", 0.0) * 1e6);
  return fmt::format(
      "  {:>3}  {:<9}  {:>8}  CPU {:>8}  {:>9}{}{}\n", rank.value("rank", 0u),
      rank.value("status", ""), format_duration(seconds_us),
      format_duration(rank.value("cpu_us", std::int64_t{0})),
      format_bytes(rank.value("max_rss", std::uint64_t{0})), rank_place(rank),
      message.empty() ? "" : "  " + printable(message.substr(0, message.find('\n'))));
}

}  // namespace

std::string ranks_lines(const json& steps) {
  std::string text;
  for (const json& step : steps) {
    const auto ranks = step.find("ranks");
    if (ranks == step.end() || ranks->empty()) continue;
    text += fmt::format("\n{}: {} ranks\n", printable(step.value("name", "")), ranks->size());
    for (std::size_t i = 0; i < ranks->size() && i < kMostRanks; ++i) text += line_of((*ranks)[i]);
    if (ranks->size() > kMostRanks)
      text += fmt::format("  and {} more: -o json shows them\n", ranks->size() - kMostRanks);
  }
  return text;
}

}  // namespace scanflow::cli
