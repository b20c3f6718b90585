// Starting attempts, and listening to those of plugins.
#include <fmt/format.h>
#include <algorithm>
#include <variant>

#include "engine/worker/checkpoints.hpp"
#include "engine/worker/command.hpp"
#include "engine/worker/fd_passing.hpp"
#include "engine/worker/note.hpp"
#include "engine/worker/spawn.hpp"
#include "engine/worker/supervisor.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::worker {

void Supervisor::start(Attempt& attempt) {
  attempt.result.id = attempt.request.id;
  attempt.plugin = attempt.request.uses != "command";
  if (!attempt.request.secrets.empty()) {
    auto secrets = Secrets::of(attempt.request.secrets);
    if (!secrets) return refuse(attempt, "config", secrets.error().message);
    attempt.secrets = std::move(*secrets);
  }
  if (auto prepared = prepare(attempt); !prepared) {
    return refuse(attempt, "retryable", prepared.error().message);
  }
  if (attempt.plugin) {
    start_plugin(attempt);
  } else {
    start_command(attempt);
  }
}

Result<void> Supervisor::prepare(Attempt& attempt) {
  auto slot = take_slot();
  if (!slot) return fail(slot.error().message);
  attempt.slot = std::move(*slot);
  attempt.log.segment = std::to_string(attempt.slot->number()) + ".log";
  return open_output(attempt);
}

Result<std::unique_ptr<Slot>> Supervisor::take_slot() {
  if (!free_slots_.empty()) {
    std::unique_ptr<Slot> slot = std::move(free_slots_.back());
    free_slots_.pop_back();
    return slot;
  }
  auto slot =
      Slot::create(slots_made_, fmt::format("{}/slots/{}", options_.work_directory, slots_made_));
  if (slot) ++slots_made_;
  return slot;
}

void Supervisor::start_command(Attempt& attempt) {
  Slot& slot = *attempt.slot;
  if (auto listening = listen_for_programs(slot); !listening) note(listening.error().message);
  auto command = make_command(attempt.request, slot.files(), env_, programs_);
  if (!command) return refuse(attempt, "config", command.error().message);
  auto written = slot.write_params(command->params);
  if (written && !command->script.empty()) written = slot.write_script(command->script);
  if (written) written = offer_checkpoints(attempt);
  if (!written) return refuse(attempt, "retryable", written.error().message);
  Program program = program_of(attempt, std::move(*command));
  program.cgroup = memory_.begin(attempt, hash(attempt.request.id));
  const auto pid = spawn(program);
  if (!pid) {
    memory_.end(attempt);
    return refuse(attempt, pid.error().transient ? "retryable" : "config", pid.error().message);
  }
  begin_running(attempt, *pid);
  attempt.forks_seen = sweeper_.spawned(*pid);
  arm_metrics();
}

/// That writes to the attempt's log.
Program Supervisor::program_of(const Attempt& attempt, Command command) const {
  Program program;
  program.file = std::move(command.file);
  program.argv = std::move(command.argv);
  program.env = std::move(command.env);
  program.cwd = std::move(command.cwd);
  program.stdin_fd = null_.get();
  program.stdout_fd = program.stderr_fd = attempt.output->writer();
  program.open_files = options_.program_files;
  program.dies_with_parent = true;
  return program;
}

Result<void> Supervisor::offer_checkpoints(Attempt& attempt) {
  const std::string& path = attempt.request.checkpoints;
  if (path.empty()) return {};
  if (attempt.request.config.find("SCANFLOW_CHECKPOINTS") != std::string::npos) {
    if (auto made = make_checkpoint_directory(path); !made) return made;
  }
  if (has_checkpoints(path)) say_in_log(attempt, "scanflow: " + checkpoints_note(path) + "\n");
  return {};
}

void Supervisor::start_plugin(Attempt& attempt) {
  if (attempt.request.library.empty()) {
    return refuse(attempt, "config",
                  fmt::format("'{}' is no plugin of a library; the supervisor runs 'command' and "
                              "plugins",
                              attempt.request.uses));
  }
  std::string library = attempt.request.library;
  if (library.front() != '/') library = options_.plugins + "/" + library;
  hosts_.start(attempt.request.id, library);
}

/// The attempt has a process, which waits to be told what it is.
void Supervisor::hand_over(Attempt& attempt, pid_t pid, UniqueFd socket) {
  const Id& id = attempt.request.id;
  attempt.socket = std::move(socket);
  const int fd = attempt.socket.get();
  loop_.watch(fd, EPOLLIN, [this, id](std::uint32_t) { on_attempt_socket(id); });
  begin_running(attempt, pid);
  protocol::Hello hello;
  hello.role = "supervisor";
  std::string frame;
  protocol::append_frame({{}, std::move(hello)}, frame);
  send_with_fd(fd, frame, attempt.output->writer());  // on an empty socket: does not wait
  protocol::Spawn spawn_body;
  spawn_body.request = attempt.request;
  spawn_body.slot = attempt.slot->number();
  spawn_body.directory = attempt.slot->directory();
  spawn_body.cgroup = memory_.begin(attempt, hash(id));
  tell(attempt, std::move(spawn_body));
}

void Supervisor::begin_running(Attempt& attempt, pid_t pid) {
  attempt.pid = pid;
  attempt.phase = Attempt::Phase::running;
  attempt.started_us = wall_us();
  attempt.started_mono_us = monotonic_us();
  by_pid_[pid] = &attempt;
  engine_.send(protocol::Started{attempt.request.id, pid, attempt.started_us, attempt.log},
               EngineLink::Urgency::soon);
  arm_announcements();
}

void Supervisor::refuse(Attempt& attempt, const std::string& cause, const std::string& message) {
  if (attempt.result.status.empty()) attempt.result.status = "failed";
  attempt.result.cause = cause;
  attempt.result.message = message;
  attempt.started_us = attempt.started_us == 0 ? wall_us() : attempt.started_us;
  finish(attempt);
}

void Supervisor::on_attempt_socket(const Id& id) {
  Attempt* attempt = find(id);
  if (attempt == nullptr || !attempt->socket) return;
  const int fd = attempt->socket.get();
  attempt->stream.flush(fd);
  if (!attempt->stream.pending()) loop_.change(fd, EPOLLIN);
  const bool closed = attempt->stream.fill(fd) == protocol::Flow::closed;
  for (;;) {
    auto message = attempt->stream.next();
    if (!message) {
      note(fmt::format("{} of {}: {}", id.step, id.run, message.error().message));
      kill_all(*attempt);  // its memory is corrupt
      break;
    }
    if (!*message) break;
    relay(*attempt, (*message)->body);
  }
  if (closed) loop_.forget(fd);
}

void Supervisor::relay(Attempt& attempt, protocol::Body& body) {
  if (auto* metric = std::get_if<protocol::Metric>(&body)) {
    if (attempt.secrets) attempt.secrets->redact(*metric);
    send_or_keep(attempt, std::move(*metric));
  } else if (auto* progress = std::get_if<protocol::Progress>(&body)) {
    if (attempt.secrets) attempt.secrets->redact(*progress);
    if (!engine_.backlogged()) engine_.send(std::move(*progress), EngineLink::Urgency::soon);
  } else if (auto* call = std::get_if<protocol::HostCall>(&body)) {
    attempt.calls[call->call] = *call;
    engine_.send(std::move(*call));
  } else if (std::holds_alternative<protocol::Started>(body)) {
    hosts_.is_up(attempt.pid);
  } else if (const auto* offers = std::get_if<protocol::Offers>(&body)) {
    on_offers(attempt, offers->commands);
  } else if (auto* answer = std::get_if<protocol::StepAnswer>(&body)) {
    on_answer(attempt, answer->call, std::move(answer->outcome), std::move(answer->value));
  } else if (auto* ended = std::get_if<protocol::Ended>(&body)) {
    attempt.said = std::move(ended->result);
    finish_plugin(attempt);
  }
}

}  // namespace scanflow::worker
