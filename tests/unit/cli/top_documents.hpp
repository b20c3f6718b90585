// Documents of engine/runtime/top.hpp, for tests of what shows them.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace scanflow::cli::test {

using nlohmann::json;

constexpr std::int64_t kNow = 1'700'000'000'000'000;
constexpr double kMiB = 1 << 20;
constexpr const char* kRun = "0193f2c1-aaaa-7000-8000-000000000001";
constexpr const char* kOther = "0193f2c1-bbbb-7000-8000-000000000002";

/// Of which nothing is known but that it runs; `more` goes over it.
inline json attempt(const char* run, const char* step, const json& more = json::object()) {
  json document = {{"run", run},
                   {"pipeline", "mnist"},
                   {"step", step},
                   {"attempt", 1},
                   {"started_us", kNow - 65'000'000},
                   {"progress", nullptr},
                   {"observed", false},
                   {"memory_bytes", nullptr},
                   {"memory_limit_bytes", nullptr},
                   {"cpu_cores", nullptr},
                   {"paused", nullptr},
                   {"throttle_share", nullptr},
                   {"metrics", json::array()},
                   {"offers", json::array()},
                   {"last", nullptr}};
  document.update(more);
  return document;
}

inline json command(const char* id, json outcome) {
  return {{"id", id},
          {"step", "train[model=cnn1]"},
          {"attempt", 2},
          {"primitive", "pause"},
          {"by", "ann"},
          {"outcome", std::move(outcome)},
          {"message", "stopped 3 processes"},
          {"started_us", 10},
          {"ended_us", 250'010}};
}

inline json metric(const char* name, double value, std::int64_t time_us = kNow,
                   json labels = json::object()) {
  return {{"name", name}, {"labels", std::move(labels)}, {"value", value}, {"time_us", time_us}};
}

inline json document(json attempts, std::int64_t time_us = kNow) {
  return {{"time_us", time_us}, {"attempts", std::move(attempts)}};
}

/// Kept Pods beside it.
inline json with_kept(json top, int count) {
  for (int i = 1; i <= count; ++i) {
    top["pods"].push_back({{"name", "scanflow-kept" + std::to_string(i)},
                           {"node", "host7"},
                           {"run", nullptr},
                           {"step", nullptr},
                           {"attempt", nullptr},
                           {"uses", 3},
                           {"most_uses", 100},
                           {"age_us", 40'000'000},
                           {"most_age_us", 3'600'000'000},
                           {"idle_us", 5'000'000},
                           {"most_idle_us", 30'000'000}});
  }
  return top;
}

/// One that is paused near its limit, one that is throttled, one that nobody knows anything of.
inline json three() {
  const json paused = {
      {"attempt", 2},
      {"progress", {{"fraction", 0.45}, {"message", "epoch 3/5"}}},
      {"observed", true},
      {"memory_bytes", 480 * kMiB},
      {"memory_limit_bytes", 512 * kMiB},
      {"cpu_cores", 1.254},
      {"paused", true},
      {"throttle_share", 1},
      {"metrics", {metric("loss", 0.0812), metric("images", 12'000), metric("loss", 0.3)}},
      {"offers", {"checkpoint", "stop_early"}},
      {"last", command("c1", "DONE")}};
  const json throttled = {{"observed", true},
                          {"memory_bytes", 64 * kMiB},
                          {"cpu_cores", 0.3},
                          {"paused", false},
                          {"throttle_share", 0.3},
                          {"progress", {{"fraction", -1}, {"message", ""}}},
                          {"started_us", kNow - 7'800'000'000}};
  return document({attempt(kOther, "データを読む"), attempt(kRun, "evaluate", throttled),
                   attempt(kRun, "train[model=cnn1]", paused)});
}

}  // namespace scanflow::cli::test
