// The supervisor: parent of all local attempts. Loads no plugin; outlives a dead engine and keeps
// what became of the attempts until an engine has taken it. One thread.
//
// It ends when it is told to and nothing runs; and where no engine is connected, ten seconds after
// there is nothing left to keep, or a week after the last attempt ended.
#pragma once

#include <sys/resource.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/worker/attempt.hpp"
#include "engine/worker/command.hpp"
#include "engine/worker/engine_link.hpp"
#include "engine/worker/hooks.hpp"
#include "engine/worker/host_pool.hpp"
#include "engine/worker/logs.hpp"
#include "engine/worker/loop.hpp"
#include "engine/worker/memory_guard.hpp"
#include "engine/worker/sidecar_link.hpp"
#include "engine/worker/sweeper.hpp"

namespace scanflow::worker {

struct SupervisorOptions {
  std::string socket;           // absolute
  std::string work_directory;   // absolute; slots and artifacts not yet taken
  std::string program;          // absolute path of scanflow-worker
  std::string memory = "auto";  // "watch": never by cgroup
  std::string sidecar;     // absolute path; empty: scanflow-sidecar beside `program`; or "none"
  rlimit program_files{};  // RLIMIT_NOFILE of what it starts
  /// In a Pod: absolute, where its sidecar listens. It stays until it is told to end then, and tells the
  /// sidecar of each attempt at once.
  std::string pod_sidecar;
  std::string plugins;  // in a Pod: where libraries lie that are named without a directory

  bool in_pod() const { return !pod_sidecar.empty(); }
};

class Supervisor {
 public:
  explicit Supervisor(SupervisorOptions options);
  ~Supervisor();

  /// Takes the work directory and the socket. An error where another supervisor has them.
  Result<void> open();
  /// Returns when it is done.
  void run();

 private:
  using Id = protocol::AttemptId;

  // --- the engine's messages: supervisor.cpp ---
  void receive(protocol::Body& body);
  void launch(protocol::Request request);
  void adopt(Attempt& attempt);
  void cancel(const Id& id, const std::string& reason);
  void acknowledge(const Id& id);
  void reply(protocol::HostReply reply);
  void tell(Attempt& attempt, protocol::Body body);
  std::optional<protocol::Hello> greet();
  bool has_its_directory();
  void leave_if_done();
  void arm_departure();

  // --- starting: supervisor_start.cpp ---
  void start(Attempt& attempt);
  Result<void> prepare(Attempt& attempt);
  Result<std::unique_ptr<Slot>> take_slot();
  void start_command(Attempt& attempt);
  Program program_of(const Attempt& attempt, Command command) const;
  Result<void> offer_checkpoints(Attempt& attempt);
  void start_plugin(Attempt& attempt);
  void hand_over(Attempt& attempt, pid_t pid, UniqueFd socket);
  void begin_running(Attempt& attempt, pid_t pid);
  void refuse(Attempt& attempt, const std::string& cause, const std::string& message);
  void on_attempt_socket(const Id& id);
  void relay(Attempt& attempt, protocol::Body& body);

  // --- its sidecar: supervisor_sidecar.cpp ---
  void on_sidecar(protocol::Body& body);
  void announce_all();
  void arm_announcements();
  void announce(Attempt& attempt);
  bool ask_post_mortem(Attempt& attempt);

  // --- commands while it runs: supervisor_commands.cpp ---
  void command(protocol::StepCommand command);
  void launcher_command(Attempt& attempt, const protocol::StepCommand& command);
  void run_hook(Attempt& attempt, std::uint64_t call, const nlohmann::json& arguments);
  void answer(const Id& id, std::uint64_t call, std::string outcome, std::string value);
  void tell_offers(const Attempt& attempt);
  void on_offers(Attempt& attempt, const std::string& list);
  void on_answer(Attempt& attempt, std::uint64_t number, std::string outcome, std::string value);
  void fail_commands(Attempt& attempt, std::string_view why);
  Result<void> listen_for_programs(Slot& slot);
  void on_program(std::uint32_t slot, UniqueFd connection);
  std::unique_ptr<ProgramLink> link_to(Attempt& attempt);

  // --- ending: supervisor_end.cpp ---
  void on_signal();
  void reap();
  void on_exit(pid_t pid, int wait_status, std::int64_t cpu_us, std::uint64_t max_rss);
  static bool is_in_grace(const Attempt& attempt);
  void kill_all(Attempt& attempt);
  void settle(Attempt& attempt);
  void finish(Attempt& attempt);
  void finish_command(Attempt& attempt);
  void finish_plugin(Attempt& attempt);
  void take_artifacts(Attempt& attempt, std::vector<protocol::ArtifactFile> files);
  void close(Attempt& attempt);
  void report(Attempt& attempt);
  void tell_result(Attempt& attempt);

  // --- what they write: supervisor_output.cpp ---
  Result<void> open_output(Attempt& attempt);
  void end_output(Attempt& attempt);
  void write_log(Attempt& attempt, std::string_view text);
  void append_log(Attempt& attempt, std::string_view text);
  void say_in_log(Attempt& attempt, const std::string& line);
  void read_metrics(Attempt& attempt, bool last);
  void arm_metrics();
  void send_or_keep(Attempt& attempt, protocol::Metric metric);
  void forget_metrics(Attempt& attempt);

  Attempt* find(const Id& id);
  Attempt* find(pid_t pid);
  std::string artifact_directory(const Id& id) const;
  static std::string hash(const Id& id);

  SupervisorOptions options_;
  UniqueFd lock_;
  UniqueFd null_;
  UniqueFd signals_;
  Loop loop_;
  EngineLink engine_;
  HostPool hosts_;
  Logs logs_;
  MemoryGuard memory_;
  Sweeper sweeper_;
  SidecarLink sidecar_;
  Hooks hooks_;
  std::vector<std::string> env_;
  ProgramFinder programs_;
  std::map<Id, std::unique_ptr<Attempt>> attempts_;
  std::unordered_map<pid_t, Attempt*> by_pid_;
  std::vector<std::unique_ptr<Slot>> free_slots_;   // sorted by number, the lowest last
  std::vector<std::unique_ptr<OutputPipe>> pipes_;  // that nobody else has open
  std::uint32_t slots_made_ = 0;
  std::uint64_t commands_ = 0;  // numbered, of all attempts
  std::size_t kept_bytes_ = 0;  // of the attempts' metrics
  std::size_t active_ = 0;      // attempts that have not ended
  bool shutdown_ = false;       // the engine said so: end when every result is acknowledged
  bool terminated_ = false;     // SIGTERM: end when nothing runs
  bool metrics_armed_ = false;
  bool announcements_armed_ = false;
  Loop::Timer departure_{};
};

/// `scanflow-worker supervise`: becomes a process of its own, and runs until done. Exit status.
int supervise(SupervisorOptions options, int ready_fd);

/// The main process of a Pod's container: the sidecar is its engine. By the environment:
/// SCANFLOW_WORKER_SOCKET, SCANFLOW_SIDECAR_SOCKET, SCANFLOW_PLUGINS. Exit status.
int serve_pod(const std::string& program);

}  // namespace scanflow::worker
