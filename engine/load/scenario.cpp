#include "engine/load/scenario.hpp"

#include <array>
#include <cctype>
#include <cmath>
#include <random>
#include <string>
#include <utility>

namespace scanflow::load {
namespace {

constexpr std::array<std::pair<Scenario, std::string_view>, 4> kScenarios = {
    {{Scenario::single_stream, "SingleStream"},
     {Scenario::multi_stream, "MultiStream"},
     {Scenario::server, "Server"},
     {Scenario::offline, "Offline"}}};

std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (c != '-' && c != '_') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

}  // namespace

std::string_view name(Scenario scenario) {
  for (const auto& [each, text] : kScenarios)
    if (each == scenario) return text;
  return "";
}

std::optional<Scenario> scenario_of(std::string_view name) {
  for (const auto& [each, text] : kScenarios)
    if (plain(text) == plain(name)) return each;
  return std::nullopt;
}

std::vector<std::int64_t> poisson_arrivals(double rate_per_second, std::int64_t duration_us,
                                           std::uint64_t seed) {
  std::vector<std::int64_t> times;
  std::mt19937_64 random(seed);
  double now = 0;
  while (true) {
    // Of 53 bits, above 0: the distributions of the standard library differ from one to another.
    const double share = (static_cast<double>(random() >> 11) + 1) / 9007199254740993.0;
    now += -std::log(share) / rate_per_second * 1e6;
    if (now >= static_cast<double>(duration_us)) return times;
    times.push_back(static_cast<std::int64_t>(now));
  }
}

}  // namespace scanflow::load
