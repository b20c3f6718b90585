// One attempt of a plugin inside the engine.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "engine/backend/backend.hpp"
#include "engine/worker/plugin_attempt.hpp"

namespace scanflow::backend {

/// Runs the built-in `noop` through the plugin boundary.
protocol::Ended run_noop(const protocol::Request& request);
/// Takes the `noop`s out of `requests` and runs them on the calling thread: a tenth of a
/// microsecond each, where handing one to another thread costs fifty times that.
std::vector<Report> run_noops(std::vector<RequestPtr>& requests);

/// An attempt of a plugin on a thread of the engine.
class InProcessStep final : private worker::PluginSink {
 public:
  /// report: hands a Progress, Metric or HostCall on. [any-thread]
  InProcessStep(RequestPtr request, std::string artifact_directory,
                std::function<void(Report)> report);

  /// Runs it to its end on the calling thread. The log range is the caller's to fill in.
  protocol::Result run(const loader::Library& library, const std::string& scratch);
  /// [any-thread]
  void cancel();
  void answer(const protocol::HostReply& reply) { attempt_.answer(reply); }
  /// What it logged; after run.
  const std::string& text() const { return text_; }
  bool has_artifacts() { return attempt_.has_artifacts(); }

 private:
  void log(const std::string& line) override;
  void say(worker::Said said) override;

  const RequestPtr request_;
  const std::function<void(Report)> report_;
  std::mutex mutex_;  // guards what follows
  std::string text_;
  bool full_ = false;
  worker::PluginAttempt attempt_;
};

}  // namespace scanflow::backend
