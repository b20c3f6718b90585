// One attempt of a plugin inside the engine.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "engine/backend/backend.hpp"
#include "engine/worker/step_judgement.hpp"
#include "sdk/loader/step_instance.hpp"

namespace scanflow::backend {

/// Since 1970-01-01 UTC.
std::int64_t wall_us();

/// Runs the built-in `noop` through the plugin boundary.
protocol::Ended run_noop(const protocol::Request& request);
/// Takes the `noop`s out of `requests` and runs them on the calling thread: a tenth of a
/// microsecond each, where handing one to another thread costs fifty times that.
std::vector<Report> run_noops(std::vector<RequestPtr>& requests);

/// The host's side of a plugin that runs on a thread of the engine.
class InProcessStep final : public loader::HostServices {
 public:
  /// report: hands a Progress, Metric or HostCall on. [any-thread]
  InProcessStep(RequestPtr request, std::string artifact_directory,
                std::function<void(Report)> report);

  /// Runs it to its end on the calling thread. The log range is the caller's to fill in.
  protocol::Result run(const loader::Library& library, const std::string& scratch);
  /// [any-thread]
  void cancel();
  void answer(const protocol::HostReply& reply);
  /// What it logged; after run.
  const std::string& text() const { return text_; }
  const std::string& artifact_directory() const { return artifacts_.directory(); }
  bool has_artifacts() { return artifacts_.any(); }

  void log(std::int32_t level, std::string_view text) override;
  void metric(std::string_view name, double value, std::int64_t step,
              const std::map<std::string, std::string>& labels, bool logged) override;
  void progress(double fraction, std::string_view message) override;
  Result<std::string> artifact(std::string_view name, bool directory) override;
  Result<std::string> run_state() override;
  Result<std::string> register_model(std::string_view request) override;

 private:
  Result<std::string> ask(const char* method, std::string arguments);

  const RequestPtr request_;
  const std::function<void(Report)> report_;
  worker::StepArtifacts artifacts_;
  loader::StepInstance step_;
  std::atomic<bool> cancelled_ = false;

  std::mutex mutex_;  // guards what follows
  std::condition_variable answered_;
  std::string text_;
  std::map<std::uint64_t, protocol::HostReply> replies_;
  std::uint64_t calls_ = 0;
};

}  // namespace scanflow::backend
