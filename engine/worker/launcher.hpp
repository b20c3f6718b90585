// What `scanflow-exec` does: runs any program beside a sidecar, as its child. Forwards signals, tells
// the sidecar of the program's life, lets it be steered by $SCANFLOW_SOCKET, and ends as it ends.
// Without a sidecar the program runs all the same.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/worker/hooks.hpp"
#include "engine/worker/loop.hpp"
#include "engine/worker/program_link.hpp"
#include "engine/worker/program_socket.hpp"
#include "engine/worker/sidecar_link.hpp"
#include "engine/worker/spawn.hpp"

namespace scanflow::worker {

struct LauncherOptions {
  std::vector<std::string> argv;  // the program and its arguments
  protocol::AttemptId id;
  std::string sidecar;   // absolute: its socket
  std::string socket;    // absolute: $SCANFLOW_SOCKET of the program
  std::string steering;  // as in protocol::Request
  std::uint64_t memory_limit = 0;
};

class Launcher {
 public:
  explicit Launcher(LauncherOptions options);
  /// The program's exit code, 128 + n where signal n has ended it; 126, 127 where it cannot start.
  int run();

 private:
  /// With the environment, directory and descriptors of this process.
  Result<Program> program_of(const std::vector<std::string>& argv);
  Result<void> start();
  void on_signals();
  void reap();
  void on_exit(int wait_status);
  void say_ended();
  void on_sidecar(protocol::Body& body);
  void command(const protocol::StepCommand& command);
  void restart(std::uint64_t call);
  void run_hook(std::uint64_t call, const nlohmann::json& arguments);
  void announce();
  void answer(std::uint64_t call, std::string outcome, std::string value);

  const LauncherOptions options_;
  UniqueFd in_, out_, error_;
  UniqueFd signals_;
  Loop loop_;
  SidecarLink sidecar_;
  Hooks hooks_;
  std::unique_ptr<ProgramSocket> socket_;
  std::unique_ptr<ProgramLink> program_;
  std::map<std::uint64_t, std::uint64_t> calls_;  // the sidecar's number, by ours
  std::uint64_t last_call_ = 0;
  std::vector<protocol::Metric> kept_;  // logged, numbered from 1
  bool full_ = false;
  ProgramFinder finder_;
  pid_t pid_ = 0;
  std::int64_t started_us_ = 0, started_mono_us_ = 0;
  std::optional<std::uint64_t> restart_call_;  // $restart: it is to be started anew
  bool cancelled_ = false;                     // a signal has asked it to end
  std::string asked_to_end_;                   // the primitive by which its sidecar ends it
  protocol::Result result_;
  int exit_ = 0;
};

}  // namespace scanflow::worker
