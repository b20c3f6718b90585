// Answers and requests of a real API server, where they are at hand.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace scanflow::test {

inline constexpr const char* kNoRecordings =
    "set SCANFLOW_KUBE to a directory with openapi/ and fixtures/ of an API server";

/// A file of it, as "openapi/api_v1.json"; none where it is not there.
inline std::optional<nlohmann::json> recording(const std::string& file) {
  const char* kube = std::getenv("SCANFLOW_KUBE");
  std::ifstream stream(std::filesystem::path(kube == nullptr ? "" : kube) / file);
  if (kube == nullptr || !stream) return std::nullopt;
  return nlohmann::json::parse(stream);
}

}  // namespace scanflow::test
