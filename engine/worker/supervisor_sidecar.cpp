// What the supervisor tells its sidecar of attempts, and what that adds to how they ended.
#include <utility>
#include <variant>

#include "engine/worker/supervisor.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::worker {
namespace {

/// Short steps are over before anybody could do anything to them.
constexpr std::int64_t kAnnouncedUs = 200'000;
/// A result waits no longer for what the sidecar knows.
constexpr std::int64_t kPostMortemUs = 300'000;

}  // namespace

void Supervisor::on_sidecar(protocol::Body& body) {
  if (auto* step_command = std::get_if<protocol::StepCommand>(&body)) {
    command(std::move(*step_command));
  } else if (auto* ended = std::get_if<protocol::Ended>(&body)) {
    Attempt* attempt = find(ended->result.id);
    if (attempt == nullptr || !attempt->awaits_post_mortem) return;
    attempt->result.post_mortem = std::move(ended->result.post_mortem);
    tell_result(*attempt);
  }
}

void Supervisor::announce_all() {
  for (const auto& [pid, attempt] : by_pid_) announce(*attempt);
}

void Supervisor::arm_announcements() {
  if (sidecar_.connection() == 0) return;
  if (options_.in_pod()) return announce_all();
  if (std::exchange(announcements_armed_, true)) return;
  loop_.after(kAnnouncedUs, [this] {
    announcements_armed_ = false;
    const std::int64_t now_us = monotonic_us();
    bool younger = false;
    for (const auto& [pid, attempt] : by_pid_) {
      const bool old = now_us - attempt->started_mono_us >= kAnnouncedUs;
      if (old) announce(*attempt);
      younger |= !old;
    }
    if (younger) arm_announcements();
  });
}

void Supervisor::announce(Attempt& attempt) {
  if (attempt.phase != Attempt::Phase::running || attempt.request.steering.empty() ||
      attempt.announced == sidecar_.connection()) {
    return;
  }
  attempt.announced = sidecar_.connection();
  sidecar_.send(protocol::Started{attempt.request.id, attempt.pid, attempt.started_us, attempt.log,
                                  attempt.request.memory_limit, attempt.request.steering});
  tell_offers(attempt);
}

/// The attempt has ended. True: tell_result follows, with what the sidecar says or without.
bool Supervisor::ask_post_mortem(Attempt& attempt) {
  if (sidecar_.connection() == 0 || attempt.announced != sidecar_.connection()) return false;
  sidecar_.send(protocol::Ended{attempt.result});
  if (attempt.result.status != "failed" || attempt.said) return false;
  attempt.awaits_post_mortem = true;
  attempt.post_mortem_timer = loop_.after(kPostMortemUs, [this, id = Id(attempt.request.id)] {
    if (Attempt* waiting = find(id)) tell_result(*waiting);
  });
  return true;
}

}  // namespace scanflow::worker
