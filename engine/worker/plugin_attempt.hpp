// One attempt of a plugin, the same wherever it runs: in a process of its own, and inside the
// engine.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>

#include "engine/worker/command_queue.hpp"
#include "engine/worker/step_judgement.hpp"
#include "sdk/loader/step_instance.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::worker {

/// What a plugin says while it runs, for the engine.
using Said = std::variant<protocol::Progress, protocol::Metric, protocol::HostCall,
                          protocol::Offers, protocol::StepAnswer>;

/// Where it goes. [any-thread]
class PluginSink {
 public:
  virtual ~PluginSink() = default;
  /// line: of the attempt's log, with its end.
  virtual void log(const std::string& line) = 0;
  virtual void say(Said said) = 0;
};

/// Runs the plugin, and is its host. `request` and `sink` outlive it.
class PluginAttempt final : private loader::HostServices {
 public:
  /// artifact_directory: where to put artifacts; made with the first one.
  PluginAttempt(const protocol::Request& request, std::string artifact_directory, PluginSink& sink);

  /// Runs it to its end on the calling thread; once. Sets the result's status, cause, message,
  /// outputs and artifacts. scratch: an empty directory; "": none.
  void run(const loader::Library& library, std::string_view scratch, protocol::Result& result);
  /// Asks it to end; false: this plugin cannot be asked. [any-thread]
  bool cancel();
  /// The engine's answer to a HostCall. [any-thread]
  void answer(protocol::HostReply reply);
  /// No more answers will come: calls that wait for one fail. [any-thread]
  void give_up_calls();
  /// Has the step carry it out as soon as it can; a StepAnswer is said, at the latest before run
  /// returns. Does not block. [any-thread]
  void command(protocol::StepCommand command) { commands_.add(std::move(command)); }
  /// Whether it announced any.
  bool has_artifacts() { return artifacts_.any(); }

 private:
  void log(std::int32_t level, std::string_view text) override;
  void metric(std::string_view name, double value, std::int64_t step,
              const std::map<std::string, std::string>& labels, bool logged) override;
  void progress(double fraction, std::string_view message) override;
  Result<std::string> artifact(std::string_view name, bool directory) override;
  Result<std::string> checkpoints() override;
  Result<std::string> run_state() override;
  Result<std::string> register_model(std::string_view request) override;

  loader::StepOutcome run_step(const loader::Library& library, std::string_view scratch);
  Result<std::string> ask(const char* method, std::string arguments);
  void offer_commands();
  protocol::StepAnswer execute(const protocol::StepCommand& command);

  const protocol::Request& request_;
  PluginSink& sink_;
  StepArtifacts artifacts_;
  loader::StepInstance step_;
  std::atomic<std::uint64_t> metrics_ = 0;  // logged
  std::atomic<bool> cancelled_ = false;
  std::once_flag checkpoints_told_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable answered_;
  std::map<std::uint64_t, protocol::HostReply> replies_;
  std::uint64_t calls_ = 0;
  bool given_up_ = false;

  CommandQueue commands_;  // the last: its thread ends before the rest does
};

}  // namespace scanflow::worker
