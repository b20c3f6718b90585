// Runs one attempt of a step plugin in this process: the host's side of the boundary.
#pragma once

#include <scanflow/abi/step.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "sdk/base/result.hpp"
#include "sdk/loader/commands.hpp"
#include "sdk/loader/library.hpp"
#include "sdk/loader/tensor.hpp"

namespace scanflow::loader {

/// What the host does for a step. Called on the step's threads, several at once; must not block for
/// long, except run_state and register_model. What they throw fails the call, not the process.
class HostServices {
 public:
  virtual ~HostServices() = default;
  /// level: SCANFLOW_LOG_*.
  virtual void log(std::int32_t level, std::string_view text) = 0;
  /// logged: kept in full; else sampled telemetry that may be dropped (step is 0 then).
  virtual void metric(std::string_view name, double value, std::int64_t step,
                      const std::map<std::string, std::string>& labels, bool logged) = 0;
  /// fraction: 0 to 1; below 0: unknown.
  virtual void progress(double fraction, std::string_view message) = 0;
  /// The absolute path where to put it: of a file to be created, or of an empty directory that
  /// exists. The same name again gives the same path. The name is checked before ([a-z0-9_-]+).
  virtual Result<std::string> artifact(std::string_view name, bool directory) = 0;
  /// host.checkpoints/1: the absolute path of the directory, which exists; empty: this host keeps
  /// none.
  virtual Result<std::string> checkpoints() { return std::string(); }
  /// The run document, JSON.
  virtual Result<std::string> run_state() = 0;
  /// JSON in, JSON out: host.models/1.
  virtual Result<std::string> register_model(std::string_view request) = 0;
};

/// Views; all valid until run returns.
struct StepRequest {
  std::string_view run;
  std::string_view step;  // identity
  std::uint32_t attempt = 1;
  std::uint32_t threads = 1;
  std::span<const scanflow_input> inputs;
  std::string_view scratch;  // empty: none
};

struct StepOutcome {
  std::int32_t status = SCANFLOW_OK;  // OK, FAILED, RETRYABLE, CANCELLED or INVALID
  std::string error;                  // why, unless OK or CANCELLED; never empty then
  std::string outputs = "{}";         // a JSON object, at most kMaxOutputs
  bool ok() const { return status == SCANFLOW_OK; }
};

struct InferOutcome : StepOutcome {
  std::vector<Tensor> tensors;
};

inline constexpr std::size_t kMaxOutputs = std::size_t{1} << 20;  // bytes

inline scanflow_view to_view(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view to_text(scanflow_view view) {
  return view.ptr == nullptr ? std::string_view() : std::string_view(view.ptr, view.len);
}

/// One instance: create, run once, destroy; or, online, create, load, infer many times, destroy. `services` outlives it. Allocates nothing of its own
/// for a step without outputs. Not movable: the plugin holds its address.
class StepInstance {
 public:
  explicit StepInstance(HostServices& services);
  ~StepInstance();
  StepInstance(const StepInstance&) = delete;
  StepInstance& operator=(const StepInstance&) = delete;

  /// Makes the instance of plugin `id`; once. config: JSON object, checked before.
  StepOutcome create(const Library& library, const std::string& id, std::string_view config);
  /// Runs it to its end; once, after create succeeded. Blocks.
  StepOutcome run(const StepRequest& request);
  /// Makes it ready to serve online, instead of run; once, after create succeeded. Blocks.
  StepOutcome load(std::span<const scanflow_input> inputs, std::uint32_t threads);
  /// What it takes and gives; set by load.
  const Signature& signature() const { return signature_; }
  /// One inference; `inputs` fit the signature. Blocks. One at a time, on any thread. INVALID: the
  /// request is at fault, and error is for whoever sent it.
  InferOutcome infer(std::span<const Tensor> inputs);
  /// Asks run to return soon; before create or run it makes run return at once. From any thread,
  /// but not during the destructor. False where the plugin cannot be cancelled: kill its process.
  bool cancel();

  /// What it lets one do to it (commands.hpp): read by create, empty before and where it has none.
  const json& commands() const { return commands_; }
  /// Has it carry out a command; from any thread, several at once. Blocks as long as the plugin
  /// takes, which may be until its run ends, but nothing reaches the plugin once run has returned:
  /// run waits for those that have begun. FAILED before create and after run. [any-thread]
  CommandAnswer execute(std::string_view name, std::string_view arguments);

 private:
  struct Host;  // the C functions behind host_
  class Execution;
  StepOutcome read_commands();
  CommandAnswer execute_now(std::string_view name, const std::string& arguments);
  /// Where set_error goes on a thread that has the plugin carry out a command: not to run's error.
  static std::string*& command_error();
  void end_commands();
  StepOutcome finish(std::int32_t status, const char* what);
  StepOutcome take_outputs();
  bool ask_to_cancel(scanflow_step* step);
  std::string take_error();

  HostServices& services_;
  scanflow_host host_;
  std::string id_;
  std::atomic<scanflow_step*> step_ = nullptr;
  std::atomic<bool> cancelled_ = false;
  std::mutex mutex_;  // guards error_ and outputs_: set_error and sinks are called from any thread
  std::string error_;
  std::string outputs_;
  bool overflow_ = false;

  const scanflow_step_infer* inference_ = nullptr;  // set by load, as signature_
  Signature signature_;
  const scanflow_step_commands* commander_ = nullptr;  // set by create, as commands_
  json commands_;                                      // null: none
  enum class Commanding { not_yet, open, closed };
  Commanding commanding_ = Commanding::not_yet;  // guarded by mutex_, as is the number of those
  std::size_t executing_ = 0;                    // that are inside the plugin
  std::condition_variable executed_;
};

}  // namespace scanflow::loader
