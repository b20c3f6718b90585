// What can be done to an attempt while it runs: from the sidecar to its plugin or program, and back.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/worker/command.hpp"
#include "engine/worker/note.hpp"
#include "engine/worker/supervisor.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/loader/commands.hpp"

namespace scanflow::worker {
namespace {

constexpr std::size_t kMaxAsked = 64;  // unanswered, of one attempt

/// Of each phase: why it cannot be told anything; null: it can.
const char* refusal_of(Attempt::Phase phase) {
  switch (phase) {
    case Attempt::Phase::waiting:
      return "the attempt has not started yet";
    case Attempt::Phase::running:
      return nullptr;
    case Attempt::Phase::said:
    case Attempt::Phase::emptying:
    case Attempt::Phase::ended:
      return "the attempt has ended";
  }
  return nullptr;
}

}  // namespace

void Supervisor::command(protocol::StepCommand command) {
  const auto refuse_it = [&](loader::CommandAnswer refusal) {
    answer(command.id, command.call, std::move(refusal.outcome), std::move(refusal.value));
  };
  Attempt* attempt = find(command.id);
  if (attempt == nullptr) {
    return refuse_it(loader::command_failed(
        fmt::format("there is no attempt {} of {} here", command.id.attempt, command.id.step)));
  }
  if (const char* why = refusal_of(attempt->phase)) return refuse_it(loader::command_failed(why));
  if (attempt->asked.size() >= kMaxAsked) {
    return refuse_it(
        loader::command_failed(fmt::format("{} commands wait for the step already", kMaxAsked)));
  }
  if (command.name.starts_with('$')) return launcher_command(*attempt, command);
  const std::uint64_t number = ++commands_;
  const Attempt::Asked asked{sidecar_.connection(), command.call};
  if (attempt->plugin) {
    attempt->asked[number] = asked;
    command.call = number;
    return tell(*attempt, std::move(command));  // it knows what it offers
  }
  if (!attempt->program)
    return refuse_it(loader::command_unsupported(command.name, nlohmann::json::array()));
  attempt->asked[number] = asked;
  if (auto refusal = attempt->program->ask(number, command.name, command.arguments))
    on_answer(*attempt, number, std::move(refusal->outcome), std::move(refusal->value));
}

/// What is asked of whoever started the attempt, not of the attempt.
void Supervisor::launcher_command(Attempt& attempt, const protocol::StepCommand& command) {
  auto arguments = nlohmann::json::parse(command.arguments, nullptr, false);
  if (!arguments.is_object()) arguments = nlohmann::json::object();
  if (command.name == "$run") return run_hook(attempt, command.call, arguments);
  if (command.name == "$ends") {  // nothing to do but to know it
    attempt.asked_to_end = arguments.value("by", "");
    return;
  }
  const std::string why =
      command.name == "$restart"
          ? "an attempt on this machine is not started anew in its place: cancel "
            "it and use 'scanflow runs retry', or give the step a retry policy"
          : "attempts on this machine have no '" + command.name.substr(1) + "'";
  answer(attempt.request.id, command.call, "UNSUPPORTED", nlohmann::json{{"message", why}}.dump());
}

/// With the environment, the directory and the log of the attempt.
void Supervisor::run_hook(Attempt& attempt, std::uint64_t call, const nlohmann::json& arguments) {
  protocol::Request request = attempt.request;
  request.config =
      nlohmann::json{{"argv", arguments.value("argv", nlohmann::json::array())}}.dump();
  auto made = make_command(request, attempt.slot->files(), env_, programs_);
  if (!made) {
    return answer(attempt.request.id, call, "FAILED",
                  nlohmann::json{{"message", made.error().message}}.dump());
  }
  hooks_.start(attempt.request.id, call, program_of(attempt, std::move(*made)));
}

void Supervisor::answer(const Id& id, std::uint64_t call, std::string outcome, std::string value) {
  sidecar_.send(protocol::StepAnswer{id, call, std::move(outcome), std::move(value)});
}

/// What it offers now.
void Supervisor::tell_offers(const Attempt& attempt) {
  if (attempt.offers.is_null() || attempt.announced != sidecar_.connection()) return;
  const std::string text =
      attempt.offers.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  sidecar_.send(
      protocol::Offers{attempt.request.id, attempt.secrets ? attempt.secrets->redact(text) : text});
}

void Supervisor::on_offers(Attempt& attempt, const std::string& list) {
  auto offers = loader::parse_commands(list);
  if (!offers) {
    return note(fmt::format("{} of {}: its commands: {}", attempt.request.id.step,
                            attempt.request.id.run, offers.error().message));
  }
  attempt.offers = std::move(*offers);
  tell_offers(attempt);
}

/// To the sidecar that asked, if it is still there.
void Supervisor::on_answer(Attempt& attempt, std::uint64_t number, std::string outcome,
                           std::string value) {
  const auto found = attempt.asked.find(number);
  if (found == attempt.asked.end()) return;
  const Attempt::Asked asked = found->second;
  attempt.asked.erase(found);
  if (asked.connection != sidecar_.connection()) return;
  if (attempt.secrets) value = attempt.secrets->redact(value);
  answer(attempt.request.id, asked.call, std::move(outcome), std::move(value));
}

/// Nobody is there any more who could do it.
void Supervisor::fail_commands(Attempt& attempt, std::string_view why) {
  while (!attempt.asked.empty()) {
    loader::CommandAnswer failed = loader::command_failed(why);
    on_answer(attempt, attempt.asked.begin()->first, std::move(failed.outcome),
              std::move(failed.value));
  }
  attempt.program.reset();
  attempt.offers = nullptr;
}

/// Beside the engine's socket, where paths are short enough to be one of a socket.
Result<void> Supervisor::listen_for_programs(Slot& slot) {
  const std::uint32_t number = slot.number();
  return slot.listen(
      loop_, fmt::format("{}.{}", options_.socket, number),
      [this, number](UniqueFd connection) { on_program(number, std::move(connection)); });
}

/// A process has connected at the slot's socket. Nobody but a process of the attempt knows of it.
void Supervisor::on_program(std::uint32_t slot, UniqueFd connection) {
  for (const auto& [pid, attempt] : by_pid_) {
    if (attempt->plugin || attempt->phase != Attempt::Phase::running || !attempt->slot ||
        attempt->slot->number() != slot) {
      continue;
    }
    if (!attempt->program) attempt->program = link_to(*attempt);
    return attempt->program->add(std::move(connection));
  }
}

std::unique_ptr<ProgramLink> Supervisor::link_to(Attempt& attempt) {
  ProgramLink::Events events;
  events.offers = [this, &attempt] {
    attempt.offers = attempt.program->offers();
    tell_offers(attempt);
  };
  events.answered = [this, &attempt](std::uint64_t call, std::string outcome, std::string value) {
    on_answer(attempt, call, std::move(outcome), std::move(value));
  };
  events.metric = [this, &attempt](protocol::Metric metric) {
    if (attempt.secrets) attempt.secrets->redact(metric);
    metric.id = attempt.request.id;
    metric.time_us = attempt.metric_us = std::max(wall_us(), attempt.metric_us + 1);
    if (metric.logged) metric.number = ++attempt.metrics;
    send_or_keep(attempt, std::move(metric));
  };
  events.progress = [this, &attempt](double fraction, std::string message) {
    protocol::Progress progress{attempt.request.id, fraction, std::move(message)};
    if (attempt.secrets) attempt.secrets->redact(progress);
    if (!engine_.backlogged()) engine_.send(std::move(progress), EngineLink::Urgency::soon);
  };
  events.closed = [this, &attempt](const std::string& why) {
    const std::string line =
        fmt::format("scanflow: $SCANFLOW_SOCKET: {}; the connection was closed\n", why);
    say_in_log(attempt, attempt.secrets ? attempt.secrets->redact(line) : line);
  };
  return std::make_unique<ProgramLink>(loop_, std::move(events));
}

}  // namespace scanflow::worker
