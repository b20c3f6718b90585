// What an attempt's process offers to the plugin: everything goes over the socket to the
// supervisor, which hands it on to the engine.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "engine/worker/step_judgement.hpp"
#include "engine/worker/unique_fd.hpp"
#include "sdk/loader/step_instance.hpp"
#include "sidecar/protocol/stream.hpp"

namespace scanflow::worker {

class StepServices final : public loader::HostServices {
 public:
  StepServices(const protocol::Spawn& spawn, UniqueFd socket);

  // --- for the plugin: any thread ---
  void log(std::int32_t level, std::string_view text) override;
  void metric(std::string_view name, double value, std::int64_t step,
              const std::map<std::string, std::string>& labels, bool logged) override;
  void progress(double fraction, std::string_view message) override;
  Result<std::string> artifact(std::string_view name, bool directory) override;
  Result<std::string> run_state() override;
  Result<std::string> register_model(std::string_view request) override;

  // --- for the attempt's process ---
  void say(protocol::Body body);
  /// The supervisor's next message; only the listening thread.
  scanflow::Result<std::optional<protocol::Message>> receive();
  void answer(protocol::HostReply reply);
  void set_cancelled() { cancelled_ = true; }
  /// Turns what the plugin said into the result, with the artifacts that lie there.
  void judge(const loader::StepOutcome& outcome, protocol::Result& result);

 private:
  Result<std::string> ask(const char* method, std::string arguments);

  protocol::AttemptId id_;
  StepArtifacts artifacts_;
  UniqueFd socket_;
  protocol::Stream in_;  // the listening thread's
  std::atomic<bool> cancelled_ = false;

  std::mutex mutex_;  // guards what follows
  std::condition_variable answered_;
  protocol::Stream out_;
  std::map<std::uint64_t, protocol::HostReply> replies_;
  std::uint64_t calls_ = 0;
};

}  // namespace scanflow::worker
