// The C side of testing.hpp: a host that keeps everything in memory.
#pragma once

#include <scanflow/abi/host.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <scanflow/detail/boundary.hpp>
#include <string>
#include <utility>
#include <vector>

namespace scanflow {
inline namespace sdk {
namespace testing {

struct Metric {
  std::string name;
  double value = 0;
  std::int64_t step = 0;
  std::map<std::string, std::string> labels;
  bool logged = true;  // false: observed
};

/// What a plugin told its host.
struct Told {
  std::vector<std::string> log;
  std::vector<Metric> metrics;
  std::vector<std::pair<double, std::string>> progress;
  std::map<std::string, std::filesystem::path> artifacts;
  std::vector<nlohmann::json> registered_models;
  std::string error;  // the last set_error
};

}  // namespace testing

namespace detail {

class FakeHost {
 public:
  /// extensions: false for a host that offers none, which a plugin must stand too.
  FakeHost(std::filesystem::path directory, nlohmann::json run_state, bool extensions)
      : directory_(std::move(directory)),
        run_state_(std::move(run_state)),
        extensions_(extensions) {}
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  const scanflow_host* abi() const { return &abi_; }
  testing::Told take() {
    const std::lock_guard lock(mutex_);
    return std::move(told_);
  }
  testing::Told told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }
  /// Where set_error goes on a thread that has a step carry out a command.
  static std::string*& command_error() {
    static thread_local std::string* error = nullptr;
    return error;
  }

 private:
  /// Calls come from any thread of the step.
  template <class Body>
  static std::int32_t with(const scanflow_host* host, const Body& body) noexcept {
    try {
      auto& self = *static_cast<FakeHost*>(host->ctx);
      const std::lock_guard lock(self.mutex_);
      return body(self);
    } catch (...) {
      return SCANFLOW_FAILED;
    }
  }

  static void log(const scanflow_host* host, std::int32_t, scanflow_view message) noexcept {
    with(host, [&](FakeHost& self) {
      self.told_.log.emplace_back(text(message));
      return SCANFLOW_OK;
    });
  }
  static void set_error(const scanflow_host* host, scanflow_view message) noexcept {
    with(host, [&](FakeHost& self) {
      auto* of_command = command_error();
      (of_command != nullptr ? *of_command : self.told_.error) = text(message);
      return SCANFLOW_OK;
    });
  }
  static std::int32_t keep(const scanflow_host* host, scanflow_view name, double value,
                           std::int64_t step, const scanflow_label* labels, std::uint32_t count,
                           bool logged) noexcept {
    return with(host, [&](FakeHost& self) {
      testing::Metric metric{std::string(text(name)), value, step, {}, logged};
      for (std::uint32_t i = 0; i < count; ++i) {
        metric.labels[std::string(text(labels[i].name))] = text(labels[i].value);
      }
      self.told_.metrics.push_back(std::move(metric));
      return SCANFLOW_OK;
    });
  }
  static std::int32_t log_metric(const scanflow_host* host, scanflow_view name, double value,
                                 std::int64_t step, const scanflow_label* labels,
                                 std::uint32_t count) noexcept {
    return keep(host, name, value, step, labels, count, true);
  }
  static std::int32_t observe(const scanflow_host* host, scanflow_view name, double value,
                              const scanflow_label* labels, std::uint32_t count) noexcept {
    return keep(host, name, value, 0, labels, count, false);
  }
  static std::int32_t progress(const scanflow_host* host, double fraction,
                               scanflow_view message) noexcept {
    return with(host, [&](FakeHost& self) {
      self.told_.progress.emplace_back(fraction, text(message));
      return SCANFLOW_OK;
    });
  }
  static std::int32_t artifact(const scanflow_host* host, scanflow_view name, std::int32_t kind,
                               scanflow_sink sink) noexcept {
    return with(host, [&](FakeHost& self) {
      const auto path = self.directory_ / "artifacts" / std::string(text(name));
      std::filesystem::create_directories(kind == SCANFLOW_ARTIFACT_DIRECTORY ? path
                                                                              : path.parent_path());
      self.told_.artifacts[std::string(text(name))] = path;
      return sink.write(sink.ctx, path.c_str(), path.native().size());
    });
  }
  static std::int32_t checkpoints(const scanflow_host* host, scanflow_sink sink) noexcept {
    return with(host, [&](FakeHost& self) {
      const auto path = self.directory_ / "checkpoints";
      std::filesystem::create_directories(path);
      return sink.write(sink.ctx, path.c_str(), path.native().size());
    });
  }
  static std::int32_t state(const scanflow_host* host, scanflow_sink sink) noexcept {
    return with(host, [&](FakeHost& self) {
      const auto document = self.run_state_.dump();
      return sink.write(sink.ctx, document.data(), document.size());
    });
  }
  static std::int32_t register_model(const scanflow_host* host, scanflow_view request,
                                     scanflow_sink sink) noexcept {
    return with(host, [&](FakeHost& self) {
      auto& registered = self.told_.registered_models;
      registered.push_back(nlohmann::json::parse(text(request)));
      const nlohmann::json reply = {{"name", registered.back().at("name")},
                                    {"version", registered.size()},
                                    {"sha256", std::string(64, '0')}};
      const auto document = reply.dump();
      return sink.write(sink.ctx, document.data(), document.size());
    });
  }

  static const void* get_extension(const scanflow_host* host, const char* id) noexcept {
    static constexpr scanflow_host_metrics kMetrics = {sizeof kMetrics, 0, &log_metric, &observe};
    static constexpr scanflow_host_progress kProgress = {sizeof kProgress, 0, &progress};
    static constexpr scanflow_host_artifacts kArtifacts = {sizeof kArtifacts, 0, &artifact};
    static constexpr scanflow_host_checkpoints kCheckpoints = {sizeof kCheckpoints, 0,
                                                               &checkpoints};
    static constexpr scanflow_host_run kRun = {sizeof kRun, 0, &state};
    static constexpr scanflow_host_models kModels = {sizeof kModels, 0, &register_model};
    if (!static_cast<FakeHost*>(host->ctx)->extensions_) return nullptr;
    if (std::strcmp(id, SCANFLOW_HOST_METRICS) == 0) return &kMetrics;
    if (std::strcmp(id, SCANFLOW_HOST_PROGRESS) == 0) return &kProgress;
    if (std::strcmp(id, SCANFLOW_HOST_ARTIFACTS) == 0) return &kArtifacts;
    if (std::strcmp(id, SCANFLOW_HOST_CHECKPOINTS) == 0) return &kCheckpoints;
    if (std::strcmp(id, SCANFLOW_HOST_RUN) == 0) return &kRun;
    if (std::strcmp(id, SCANFLOW_HOST_MODELS) == 0) return &kModels;
    return nullptr;
  }

  scanflow_host abi_ = {
      SCANFLOW_ABI_MAJOR, SCANFLOW_ABI_MINOR, sizeof(scanflow_host), 0, this, &log,
      &set_error,         &get_extension};
  std::filesystem::path directory_;
  nlohmann::json run_state_;
  bool extensions_;
  std::mutex mutex_;
  testing::Told told_;
};

/// A new directory under the system's temporary one, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "scanflow-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw Error("cannot make a directory like " + name);
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;  // a leftover in the temporary directory harms nobody
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace detail
}  // namespace sdk
}  // namespace scanflow
