// What is kept of a Pod beside the engine's process, so that the next one finds it again: a file for each,
// written before anything is done.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "engine/backend/pod_request.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::backend {

struct PodRecord {
  std::string pod, hash;
  Reuse reuse;
  std::uint32_t uses = 0;  // attempts so far
  std::int64_t made_us = 0;
  std::optional<protocol::AttemptId> attempt;  // that it has now
};

class PodRecords {
 public:
  explicit PodRecords(std::filesystem::path directory) : directory_(std::move(directory)) {}

  Result<void> write(const PodRecord& record) const;
  void remove(const std::string& pod) const;
  /// All there are, by the Pod's name; what cannot be read is left out.
  std::map<std::string, PodRecord> read() const;

 private:
  std::filesystem::path directory_;
};

}  // namespace scanflow::backend
