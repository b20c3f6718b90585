// What a step sees of its attempt and its host while it runs.
#pragma once

#include <scanflow/abi/step.h>

#include <atomic>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <scanflow/detail/boundary.hpp>
#include <scanflow/detail/mailbox.hpp>
#include <utility>
#include <vector>

namespace scanflow {
inline namespace sdk {

using Labels = std::vector<std::pair<std::string, std::string>>;

/// Valid during `run`. All functions may be called from any thread of the step, except run_state
/// and register_model, which belong to the thread of `run` and block until the engine answers.
class Context {
 public:
  Context(const scanflow_host* host, const scanflow_request& request,
          const std::atomic<bool>& cancelled, detail::Mailbox& mailbox)
      : host_(host), request_(request), cancelled_(cancelled), mailbox_(mailbox) {}

  // --- the attempt ---
  std::string run_id() const { return std::string(detail::text(request_.run)); }
  std::string step_id() const { return std::string(detail::text(request_.step)); }
  std::uint32_t attempt() const { return request_.attempt; }
  /// The step's CPU request, at least 1: size thread pools by it.
  int threads() const { return request_.threads < 1 ? 1 : static_cast<int>(request_.threads); }
  /// A directory of the attempt's own, emptied afterwards. Throws Error where the host has none.
  std::filesystem::path scratch() const {
    const auto path = detail::text(request_.scratch);
    if (path.empty()) throw Error("this host gives the step no scratch directory");
    return path;
  }

  // --- inputs ---
  bool has_input(std::string_view name) const { return find_input(name) != nullptr; }
  /// An absolute path, read-only: a file or a directory.
  std::filesystem::path input(std::string_view name) const {
    return detail::text(need_input(name).path);
  }
  std::string input_sha256(std::string_view name) const {
    return std::string(detail::text(need_input(name).sha256));
  }

  // --- cancelling ---
  bool cancelled() const noexcept { return cancelled_.load(std::memory_order_relaxed); }
  void throw_if_cancelled() const {
    if (cancelled()) throw Cancelled();
  }

  // --- being steered (commands.hpp) ---
  /// Here the step can be cancelled, paused and commanded: its state is in order. Carries out the
  /// commands that wait, and waits itself while it is paused. To be called often, on the thread of
  /// `run`: it costs next to nothing. Throws Cancelled.
  void safe_point() {
    mailbox_.serve(*this, cancelled_);
    throw_if_cancelled();
  }

  // --- what people see ---
  void debug(std::string_view message) const { log(SCANFLOW_LOG_DEBUG, message); }
  void info(std::string_view message) const { log(SCANFLOW_LOG_INFO, message); }
  void warning(std::string_view message) const { log(SCANFLOW_LOG_WARNING, message); }
  /// fraction: 0 to 1, or below 0 where that is unknown.
  void progress(double fraction, std::string_view message) const;
  /// A value at a training step (an epoch, a batch): kept in full.
  void log_metric(std::string_view name, double value, std::int64_t step,
                  const Labels& labels = {}) const;
  /// Sampled telemetry: cheap, may be dropped.
  void observe(std::string_view name, double value, const Labels& labels = {}) const;

  // --- artifacts: what lies at the path when `run` returns becomes the artifact ---
  std::filesystem::path artifact_file(std::string_view name) const {
    return create_artifact(name, SCANFLOW_ARTIFACT_FILE);
  }
  std::filesystem::path artifact_directory(std::string_view name) const {
    return create_artifact(name, SCANFLOW_ARTIFACT_DIRECTORY);
  }

  // --- checkpoints: what lies there is there for the step's next attempt too ---
  /// A directory that exists and is empty at first; nothing where this host keeps none. Until an
  /// attempt has succeeded each finds what those before it left, and so does a run that repeats a
  /// failed one, where configuration and inputs are the same. To be killed while a file is written
  /// must do no harm: write one of another name, fsync, and rename it.
  std::optional<std::filesystem::path> checkpoint_directory() const;

  // --- the engine ---
  /// The run document (sdk/abi/README.md).
  nlohmann::json run_state() const;
  /// {"name", "input", "metrics", "tags"} -> {"name", "version", "sha256"}.
  nlohmann::json register_model(const nlohmann::json& request) const;

 private:
  const scanflow_input* find_input(std::string_view name) const {
    for (std::uint32_t i = 0; i < request_.input_count; ++i) {
      if (detail::text(request_.inputs[i].name) == name) return &request_.inputs[i];
    }
    return nullptr;
  }
  const scanflow_input& need_input(std::string_view name) const {
    const auto* input = find_input(name);
    if (input == nullptr) {
      throw Error("the step has no input '" + std::string(name) +
                  "'; give it an artifact in `with`");
    }
    return *input;
  }
  void log(std::int32_t level, std::string_view message) const {
    if (SCANFLOW_HAS(host_, scanflow_host, log)) host_->log(host_, level, detail::view(message));
  }
  std::filesystem::path create_artifact(std::string_view name, std::int32_t kind) const;
  template <class Extension>
  const Extension& need_extension(const char* id) const {
    const auto* found = detail::extension<Extension>(host_, id);
    if (found == nullptr) {
      throw Error(std::string("this host does not offer the extension ") + id +
                  ", which the step needs; run it with a host that does");
    }
    return *found;
  }

  const scanflow_host* host_;
  const scanflow_request& request_;
  const std::atomic<bool>& cancelled_;
  detail::Mailbox& mailbox_;
};

namespace detail {

inline std::vector<scanflow_label> label_views(const Labels& labels) {
  std::vector<scanflow_label> views;
  views.reserve(labels.size());
  for (const auto& [name, value] : labels) views.push_back({view(name), view(value)});
  return views;
}

inline void require_ok(std::int32_t status, const char* what) {
  if (status == SCANFLOW_OK) return;
  if (status == SCANFLOW_CANCELLED) throw Cancelled();
  const std::string message = std::string(what) + " was refused by the host (status " +
                              std::to_string(status) + "); the attempt's log may say why";
  if (status == SCANFLOW_RETRYABLE) throw Retryable(message);
  throw Error(message);
}

}  // namespace detail

inline void Context::progress(double fraction, std::string_view message) const {
  const auto* host = detail::extension<scanflow_host_progress>(host_, SCANFLOW_HOST_PROGRESS);
  if (host != nullptr) host->update(host_, fraction, detail::view(message));
}

inline void Context::log_metric(std::string_view name, double value, std::int64_t step,
                                const Labels& labels) const {
  const auto* host = detail::extension<scanflow_host_metrics>(host_, SCANFLOW_HOST_METRICS);
  if (host == nullptr) return;
  const auto views = detail::label_views(labels);
  const auto status = host->log(host_, detail::view(name), value, step, views.data(),
                                static_cast<std::uint32_t>(views.size()));
  detail::require_ok(status, "logging a metric");
}

inline void Context::observe(std::string_view name, double value, const Labels& labels) const {
  const auto* host = detail::extension<scanflow_host_metrics>(host_, SCANFLOW_HOST_METRICS);
  if (host == nullptr) return;
  const auto views = detail::label_views(labels);
  host->observe(host_, detail::view(name), value, views.data(),
                static_cast<std::uint32_t>(views.size()));
}

inline std::filesystem::path Context::create_artifact(std::string_view name,
                                                      std::int32_t kind) const {
  const auto& host = need_extension<scanflow_host_artifacts>(SCANFLOW_HOST_ARTIFACTS);
  std::string path;
  const auto status = host.create(host_, detail::view(name), kind, detail::into(path));
  detail::require_ok(status, ("creating the artifact '" + std::string(name) + "'").c_str());
  return path;
}

inline std::optional<std::filesystem::path> Context::checkpoint_directory() const {
  const auto* host = detail::extension<scanflow_host_checkpoints>(host_, SCANFLOW_HOST_CHECKPOINTS);
  if (host == nullptr) return std::nullopt;
  std::string path;
  const auto status = host->directory(host_, detail::into(path));
  if (status == SCANFLOW_UNSUPPORTED) return std::nullopt;
  detail::require_ok(status, "asking for the directory of checkpoints");
  return path;
}

inline nlohmann::json Context::run_state() const {
  const auto& host = need_extension<scanflow_host_run>(SCANFLOW_HOST_RUN);
  std::string document;
  detail::require_ok(host.state(host_, detail::into(document)), "reading the state of the run");
  return nlohmann::json::parse(document);
}

inline nlohmann::json Context::register_model(const nlohmann::json& request) const {
  const auto& host = need_extension<scanflow_host_models>(SCANFLOW_HOST_MODELS);
  const std::string text = request.dump();
  std::string reply;
  detail::require_ok(host.register_version(host_, detail::view(text), detail::into(reply)),
                     "registering the model");
  return nlohmann::json::parse(reply);
}

}  // namespace sdk
}  // namespace scanflow
