// One attempt as the supervisor sees it.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/worker/cgroup.hpp"
#include "engine/worker/loop.hpp"
#include "engine/worker/outcome.hpp"
#include "engine/worker/output_pipe.hpp"
#include "engine/worker/program_link.hpp"
#include "engine/worker/secrets.hpp"
#include "engine/worker/slot.hpp"
#include "sdk/base/unique_fd.hpp"
#include "sidecar/protocol/messages.hpp"
#include "sidecar/protocol/stream.hpp"

namespace scanflow::worker {

struct Attempt {
  enum class Phase {
    waiting,  // it has no process yet
    running,
    said,      // a plugin has said its result; the process is about to end
    emptying,  // the leader has ended; others of its group are being killed
    ended,     // `result` is complete, and kept until the engine has it
  };

  protocol::Request request;  // without configuration and secrets once it has ended
  Phase phase = Phase::waiting;
  bool plugin = false;
  bool reported = false;      // `result` is complete and went out
  bool acknowledged = false;  // ... and the engine has it, before the process has left
  std::unique_ptr<Slot> slot;
  pid_t pid = 0;  // leader of its session; 0: not started
  std::int64_t started_us = 0;
  std::int64_t started_mono_us = 0;
  protocol::LogRange log;
  std::shared_ptr<const Secrets> secrets;  // null: it has none
  std::unique_ptr<OutputPipe> output;
  std::uint64_t written = 0;  // bytes that came out of it
  bool in_a_line = false;     // the log does not end with a newline
  std::string last_words;     // the end of what it wrote
  protocol::Result result;

  // How it ends.
  int wait_status = 0;
  std::int64_t cpu_us = 0;
  std::uint64_t max_rss = 0;
  std::string stop_reason;
  bool killed_by_us = false;
  std::string asked_to_end;  // the primitive by which its sidecar ends it
  Loop::Timer kill_timer{};
  Loop::Timer empty_timer{};
  std::int64_t empty_deadline_us = 0;

  // Memory limit.
  std::optional<Cgroup> cgroup;
  bool watched = false;  // by RSS
  bool out_of_memory = false;
  std::uint64_t container_oom_kills = 0;  // in a Pod: before it began
  std::uint64_t memory_peak = 0;

  std::uint64_t connection = 0;  // the engine's that launched or adopted it
  std::uint64_t metrics_read = 0;
  std::uint64_t metrics = 0;           // numbered, of a command
  std::int64_t metric_us = 0;          // wall: of its last one; each is later than the one before
  std::vector<protocol::Metric> kept;  // logged, until the result is acknowledged
  std::uint64_t dropped = 0;           // of those that no engine followed, since too many were kept
  std::uint64_t forks_seen = 0;        // Supervisor's count of foreign forks when it started

  // Of a plugin: the connection to the attempt's process.
  UniqueFd socket;
  protocol::Stream stream;
  std::optional<protocol::Result> said;
  std::map<std::uint64_t, protocol::HostCall> calls;  // unanswered

  // Its sidecar: supervisor_sidecar.cpp.
  std::uint64_t announced = 0;  // on this connection; 0: never
  bool awaits_post_mortem = false;
  Loop::Timer post_mortem_timer{};

  // What can be done to it while it runs: supervisor_commands.cpp.
  struct Asked {
    std::uint64_t connection = 0;  // the sidecar's that asks
    std::uint64_t call = 0;        // its number for that
  };
  nlohmann::json offers;  // a list that was read (sdk/loader/commands.hpp); null: none
  std::map<std::uint64_t, Asked> asked;  // unanswered, by the supervisor's own number
  std::unique_ptr<ProgramLink> program;  // of a command that has connected
};

}  // namespace scanflow::worker
