// What a Pod says that matters to its sidecar. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/inject/settings.hpp"
#include "engine/inject/workload.hpp"

namespace scanflow::inject {

/// The user and group of our images: the sidecar's where the app declares none.
inline constexpr std::int64_t kNobody = 65532;

/// One of the app's containers.
struct AppContainer {
  std::size_t index = 0;  // in spec.containers
  std::string name;
  bool has_command = false;  // else its image's entrypoint runs, which nobody here knows
  /// A liveness probe ends it when it does not answer for so long; 0: it has none.
  std::int64_t liveness_s = 0;
  bool has_memory_limit = false;
};

struct PodFacts {
  std::vector<AppContainer> app;
  std::int64_t user = 0, group = 0;  // of the sidecar
  bool other_users = false;          // some of the app may not be `user`
  bool may_have_token = true;        // of a service account
  bool ends = false;                 // its containers are not started again for ever
};

/// For a Pod without a refusal.
PodFacts facts_of(const nlohmann::json& pod, const Settings& settings);

/// Why this Pod gets no sidecar, and what to do about it; "" where it may have one. `pod`: without
/// what was injected before.
std::string refusal(const nlohmann::json& pod, const Workload& workload, const Settings& settings);

}  // namespace scanflow::inject
