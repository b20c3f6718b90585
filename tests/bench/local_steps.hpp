// What benchmarks of backends share: a place to run in, requests, and who keeps them coming.
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend/backend.hpp"
#include "tests/support/strand.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::backend {

class Place {
 public:
  Options options(std::uint32_t slots) const {
    std::filesystem::create_directories(files_ / "state");
    std::filesystem::create_directories(files_ / "sockets");
    Options options;
    options.state_directory = (files_ / "state").string();
    options.socket_directory = (files_ / "sockets").string();
    options.worker = std::string(SCANFLOW_BINARY_DIR) + "/bin/scanflow-worker";
    options.slots = slots;
    return options;
  }
  std::string logs() const { return (files_ / "state/logs").string(); }

 private:
  test::TempDir files_;
};

inline RequestPtr request(int number, const char* uses, const char* config,
                          const std::string& logs) {
  auto result = std::make_shared<protocol::Request>();
  result->id = {"0193f2c1-0000-7000-8000-000000000000", "step-" + std::to_string(number), 1};
  result->uses = uses;
  result->config = config;
  result->log_dir = logs;
  return result;
}

inline std::vector<RequestPtr> requests(int count, const char* uses, const char* config,
                                        const std::string& logs) {
  std::vector<RequestPtr> result;
  result.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) result.push_back(request(i, uses, config, logs));
  return result;
}

/// Keeps `width` attempts in flight, as the engine does, until all have ended.
class Driver {
 public:
  explicit Driver(std::vector<RequestPtr> all) : all_(std::move(all)) {}

  void take(std::vector<Report> reports) {
    std::vector<RequestPtr> next;
    std::vector<protocol::AttemptId> done;
    {
      const std::lock_guard lock(mutex_);
      for (const Report& report : reports) {
        const auto* ended = std::get_if<protocol::Ended>(&report);
        if (ended == nullptr) continue;
        if (ended->result.status != "succeeded") failed_ = ended->result.message;
        outputs_.push_back(ended->result.outputs);
        done.push_back(ended->result.id);
        ++ended_;
        if (next_ < all_.size()) next.push_back(all_[next_++]);
      }
    }
    for (const auto& id : done) backend_->acknowledge(id);
    if (!next.empty()) backend_->launch(std::move(next));
    if (ended_ == all_.size()) changed_.notify_all();
  }

  void start(Backend& backend, std::size_t width) {
    backend_ = &backend;
    std::vector<RequestPtr> first(
        all_.begin(), all_.begin() + static_cast<std::ptrdiff_t>(std::min(width, all_.size())));
    next_ = first.size();
    backend.launch(std::move(first));
  }

  std::string wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_ == all_.size(); });
    return failed_;
  }
  /// In the order in which they ended; after wait().
  const std::vector<std::string>& outputs() const { return outputs_; }

 private:
  std::vector<RequestPtr> all_;
  Backend* backend_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t next_ = 0;
  std::atomic<std::size_t> ended_ = 0;
  std::string failed_;
  std::vector<std::string> outputs_;
};

}  // namespace scanflow::backend
