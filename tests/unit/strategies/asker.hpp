// Asks a strategy time after time, and keeps its state as a host does.
#pragma once

#include <gtest/gtest.h>

#include <scanflow/testing.hpp>
#include <string>
#include <vector>

namespace scanflow::strategies {

inline constexpr std::int64_t kSecondUs = 1'000'000, kMinuteUs = 60 * kSecondUs,
                              kHourUs = 60 * kMinuteUs;

template <class Plugin>
class Asker {
 public:
  explicit Asker(nlohmann::json config) : config_(std::move(config)) {}

  /// An error: no action, and `error` says it.
  std::vector<Action> ask(std::int64_t now_us, const nlohmann::json& evidence) {
    auto result = harness_.template decide<Plugin>(
        config_, {.now_us = now_us, .evidence = evidence, .state = state});
    error = result.told.error;
    EXPECT_EQ(result.ok(), error.empty()) << error;
    if (result.decision.state) state = *result.decision.state;
    EXPECT_LE(state.size(), 65536U);
    return std::move(result.decision.actions);
  }
  std::vector<Action> see(std::int64_t now_us, const nlohmann::json& see) {
    return ask(now_us, {{"see", see}});
  }

  std::string state, error;

 private:
  scanflow::testing::Harness harness_;
  const nlohmann::json config_;
};

/// Is the configuration refused?
template <class Plugin>
bool refuses(const nlohmann::json& config) {
  scanflow::testing::Harness harness;
  return !harness.template decide<Plugin>(config, {.now_us = 1, .evidence = {{"see", {}}}}).ok();
}

}  // namespace scanflow::strategies
