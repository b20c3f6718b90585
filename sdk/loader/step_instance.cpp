#include "sdk/loader/step_instance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

namespace scanflow::loader {

namespace {

bool is_artifact_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

bool is_json_object(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first != std::string::npos && text[first] == '{' && nlohmann::json::accept(text);
}

}  // namespace

std::string*& StepInstance::command_error() {
  static thread_local std::string* error = nullptr;
  return error;
}

/// What the plugin calls. Nothing throws across: each catches all.
struct StepInstance::Host {
  static StepInstance& of(const scanflow_host* host) {
    return *static_cast<StepInstance*>(host->ctx);
  }

  template <class Body>
  static std::int32_t guarded(const scanflow_host* host, const Body& body) noexcept {
    try {
      return body(of(host));
    } catch (const std::exception& error) {
      return report(host, error.what());
    } catch (...) {
      return report(host, "the host failed for an unknown reason");
    }
  }
  /// A refused call is told in the attempt's log: the plugin sees only a status.
  static std::int32_t report(const scanflow_host* host, std::string_view why) noexcept {
    try {
      of(host).services_.log(SCANFLOW_LOG_ERROR, why);
    } catch (...) {
      // The log itself fails; the status below still tells the plugin.
      return SCANFLOW_FAILED;
    }
    return SCANFLOW_FAILED;
  }
  static std::int32_t answer(const scanflow_host* host, const Result<std::string>& result,
                             const scanflow_sink& sink) {
    if (!result) return report(host, result.error().message);
    return sink.write(sink.ctx, result->data(), result->size());
  }

  static void log(const scanflow_host* host, std::int32_t level, scanflow_view message) noexcept {
    guarded(host, [&](StepInstance& self) {
      self.services_.log(level, to_text(message));
      return SCANFLOW_OK;
    });
  }
  static void set_error(const scanflow_host* host, scanflow_view message) noexcept {
    guarded(host, [&](StepInstance& self) {
      if (auto* of_command = command_error(); of_command != nullptr) {
        *of_command = to_text(message);
        return SCANFLOW_OK;
      }
      const std::lock_guard lock(self.mutex_);
      self.error_ = to_text(message);
      return SCANFLOW_OK;
    });
  }

  static std::int32_t metric(const scanflow_host* host, scanflow_view name, double value,
                             std::int64_t step, const scanflow_label* labels, std::uint32_t count,
                             bool logged) noexcept {
    return guarded(host, [&](StepInstance& self) {
      std::map<std::string, std::string> map;
      for (std::uint32_t i = 0; i < count; ++i) {
        map.insert_or_assign(std::string(to_text(labels[i].name)),
                             std::string(to_text(labels[i].value)));
      }
      self.services_.metric(to_text(name), value, step, map, logged);
      return SCANFLOW_OK;
    });
  }
  static std::int32_t log_metric(const scanflow_host* host, scanflow_view name, double value,
                                 std::int64_t step, const scanflow_label* labels,
                                 std::uint32_t count) noexcept {
    return metric(host, name, value, step, labels, count, true);
  }
  static std::int32_t observe(const scanflow_host* host, scanflow_view name, double value,
                              const scanflow_label* labels, std::uint32_t count) noexcept {
    return metric(host, name, value, 0, labels, count, false);
  }

  static std::int32_t progress(const scanflow_host* host, double fraction,
                               scanflow_view message) noexcept {
    return guarded(host, [&](StepInstance& self) {
      self.services_.progress(fraction, to_text(message));
      return SCANFLOW_OK;
    });
  }

  static std::int32_t artifact(const scanflow_host* host, scanflow_view name, std::int32_t kind,
                               scanflow_sink path) noexcept {
    return guarded(host, [&](StepInstance& self) {
      if (!is_artifact_name(to_text(name))) {
        return report(host, fmt::format("'{}' cannot name an artifact: use lower-case letters, "
                                        "digits, '-' and '_'",
                                        to_text(name)));
      }
      if (kind != SCANFLOW_ARTIFACT_FILE && kind != SCANFLOW_ARTIFACT_DIRECTORY) {
        return report(host, fmt::format("unknown kind of artifact {}", kind));
      }
      const bool directory = kind == SCANFLOW_ARTIFACT_DIRECTORY;
      return answer(host, self.services_.artifact(to_text(name), directory), path);
    });
  }
  static std::int32_t checkpoints(const scanflow_host* host, scanflow_sink path) noexcept {
    return guarded(host, [&](StepInstance& self) -> std::int32_t {
      const auto directory = self.services_.checkpoints();
      if (directory && directory->empty()) return SCANFLOW_UNSUPPORTED;
      return answer(host, directory, path);
    });
  }
  static std::int32_t run_state(const scanflow_host* host, scanflow_sink document) noexcept {
    return guarded(host, [&](StepInstance& self) {
      return answer(host, self.services_.run_state(), document);
    });
  }
  static std::int32_t register_model(const scanflow_host* host, scanflow_view request,
                                     scanflow_sink reply) noexcept {
    return guarded(host, [&](StepInstance& self) {
      return answer(host, self.services_.register_model(to_text(request)), reply);
    });
  }

  static const void* get_extension(const scanflow_host*, const char* id) noexcept {
    static constexpr scanflow_host_metrics kMetrics = {sizeof kMetrics, 0, &log_metric, &observe};
    static constexpr scanflow_host_progress kProgress = {sizeof kProgress, 0, &progress};
    static constexpr scanflow_host_artifacts kArtifacts = {sizeof kArtifacts, 0, &artifact};
    static constexpr scanflow_host_checkpoints kCheckpoints = {sizeof kCheckpoints, 0,
                                                               &checkpoints};
    static constexpr scanflow_host_run kRun = {sizeof kRun, 0, &run_state};
    static constexpr scanflow_host_models kModels = {sizeof kModels, 0, &register_model};
    if (id == nullptr) return nullptr;
    if (std::strcmp(id, SCANFLOW_HOST_METRICS) == 0) return &kMetrics;
    if (std::strcmp(id, SCANFLOW_HOST_PROGRESS) == 0) return &kProgress;
    if (std::strcmp(id, SCANFLOW_HOST_ARTIFACTS) == 0) return &kArtifacts;
    if (std::strcmp(id, SCANFLOW_HOST_CHECKPOINTS) == 0) return &kCheckpoints;
    if (std::strcmp(id, SCANFLOW_HOST_RUN) == 0) return &kRun;
    if (std::strcmp(id, SCANFLOW_HOST_MODELS) == 0) return &kModels;
    return nullptr;
  }

  static std::int32_t write_outputs(void* ctx, const char* data, std::uint64_t len) noexcept {
    auto& self = *static_cast<StepInstance*>(ctx);
    try {
      const std::lock_guard lock(self.mutex_);
      self.overflow_ = self.overflow_ || len > kMaxOutputs - self.outputs_.size();
      if (self.overflow_) return SCANFLOW_FAILED;
      if (len != 0) self.outputs_.append(data, len);
      return SCANFLOW_OK;
    } catch (...) {
      return SCANFLOW_FAILED;
    }
  }
};

StepInstance::StepInstance(HostServices& services)
    : services_(services),
      host_{SCANFLOW_ABI_MAJOR, SCANFLOW_ABI_MINOR, sizeof(scanflow_host), 0, this,
            &Host::log,         &Host::set_error,   &Host::get_extension} {}

StepInstance::~StepInstance() {
  end_commands();
  if (auto* step = step_.load(); step != nullptr) step->destroy(step);
}

std::string StepInstance::take_error() {
  const std::lock_guard lock(mutex_);
  return std::exchange(error_, {});
}

StepOutcome StepInstance::finish(std::int32_t status, const char* what) {
  StepOutcome outcome;
  outcome.status = status;
  if (status == SCANFLOW_OK || status == SCANFLOW_CANCELLED) return outcome;
  outcome.error = take_error();
  if (status < SCANFLOW_OK || status > SCANFLOW_INVALID) {
    outcome.status = SCANFLOW_FAILED;
    outcome.error += fmt::format("{}{} of {} returned the unknown status {}",
                                 outcome.error.empty() ? "" : "\n", what, id_, status);
  } else if (outcome.error.empty()) {
    outcome.error = fmt::format(
        "{} of {} failed with status {} and did not say why (its author should call set_error)",
        what, id_, status);
  }
  if (status == SCANFLOW_UNSUPPORTED) outcome.status = SCANFLOW_FAILED;
  return outcome;
}

StepOutcome StepInstance::create(const Library& library, const std::string& id,
                                 std::string_view config) {
  if (step_.load() != nullptr) return {SCANFLOW_INVALID, "create is called once per instance"};
  id_ = id;
  const auto* factory = library.steps();
  if (factory == nullptr) {
    return {SCANFLOW_INVALID, fmt::format("{} has no steps, so no '{}'", library.info().id, id)};
  }
  scanflow_step* step = nullptr;
  try {
    const auto status = factory->create(&host_, id.c_str(), to_view(config), &step);
    if (status != SCANFLOW_OK) return finish(status, "create");
  } catch (...) {
    return {SCANFLOW_FAILED, fmt::format("create of {} threw across the boundary", id)};
  }
  if (step == nullptr || !SCANFLOW_HAS(step, scanflow_step, get_extension)) {
    return {SCANFLOW_FAILED, fmt::format("create of {} gave no usable instance; rebuild the plugin "
                                         "against the current SDK",
                                         id)};
  }
  step_.store(step);
  if (auto read = read_commands(); !read.ok()) return read;
  // A cancel that came before could not reach the instance.
  if (cancelled_.load()) ask_to_cancel(step);
  return {};
}

StepOutcome StepInstance::run(const StepRequest& request) {
  auto* step = step_.load();
  if (step == nullptr) return {SCANFLOW_INVALID, "run without an instance: create failed"};
  if (cancelled_.load()) {
    end_commands();
    return {SCANFLOW_CANCELLED, {}};
  }
  scanflow_request abi{};
  abi.struct_size = sizeof abi;
  abi.run = to_view(request.run);
  abi.step = to_view(request.step);
  abi.attempt = request.attempt;
  abi.threads = std::max(1U, request.threads);
  abi.inputs = request.inputs.data();
  abi.input_count = static_cast<std::uint32_t>(request.inputs.size());
  abi.scratch = to_view(request.scratch);
  abi.outputs = {this, &Host::write_outputs};
  std::int32_t status = SCANFLOW_FAILED;
  try {
    status = step->run(step, &abi);
  } catch (...) {
    end_commands();
    return {SCANFLOW_FAILED, fmt::format("run of {} threw across the boundary", id_)};
  }
  end_commands();
  return status == SCANFLOW_OK ? take_outputs() : finish(status, "run");
}

StepOutcome StepInstance::take_outputs() {
  const std::lock_guard lock(mutex_);
  if (overflow_) {
    return {SCANFLOW_FAILED, fmt::format("{} wrote more than 1 MiB of outputs; write large results "
                                         "as an artifact",
                                         id_)};
  }
  if (outputs_.empty()) return {};
  if (!is_json_object(outputs_)) {
    return {SCANFLOW_FAILED,
            fmt::format("{} wrote outputs that are not one JSON object: {:.60}", id_, outputs_)};
  }
  return {SCANFLOW_OK, {}, std::move(outputs_)};
}

bool StepInstance::ask_to_cancel(scanflow_step* step) {
  const auto* extension =
      static_cast<const scanflow_step_cancel*>(step->get_extension(step, SCANFLOW_STEP_CANCEL));
  if (extension == nullptr || !SCANFLOW_HAS(extension, scanflow_step_cancel, cancel)) return false;
  extension->cancel(step);
  return true;
}

bool StepInstance::cancel() {
  cancelled_.store(true);
  auto* step = step_.load();
  return step == nullptr || ask_to_cancel(step);
}

}  // namespace scanflow::loader
