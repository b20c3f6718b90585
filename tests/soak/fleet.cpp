#include "tests/soak/fleet.hpp"

#include <fmt/format.h>
#include <poll.h>

#include "sdk/base/clock.hpp"

namespace scanflow::test {
namespace {

constexpr std::int64_t kTurnUs = 20'000;
/// Each turn of each Pod, one in so many.
constexpr std::uint32_t kKilled = 3000, kLogs = 40, kMeasures = 3;
constexpr std::uint32_t kStalls = 500;  // of the thread
constexpr int kStallMs = 1500;
constexpr std::size_t kRing = 300;

}  // namespace

Fleet::Fleet(zmq::context_t& context, link::DealerOptions hub, std::size_t first, std::size_t count,
             std::uint32_t seed)
    : context_(context), hub_(std::move(hub)), random_(seed) {
  for (std::size_t i = first; i < first + count; ++i) {
    pods_.push_back(std::make_unique<Pod>(fmt::format("pod-{}", i)));
    begin(*pods_.back());
  }
  thread_ = std::thread([this] { run(); });
}

void Fleet::stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

/// A sidecar starts, the first or the next one of its Pod.
void Fleet::begin(Pod& pod) {
  pod.session.reset();
  pod.dealer.reset();
  pod.ring = std::make_unique<link::TelemetryRing>(kRing, 4);
  pod.value = 0;
  const std::string boot = fmt::format("{}/boot-{}", pod.name, ++pod.boots);
  pod.series = pod.ring->series("m", "gauge", {{"boot", boot}});
  link::SessionEvents events;
  events.command = [this, &pod](const protocol::Command& command) { take(pod, command); };
  pod.session =
      std::make_unique<link::Session>(link::Session::Identity{pod.name, boot, {.role = "sidecar"}},
                                      *pod.ring, pod.outbox, std::move(events));
  auto dealer = link::Dealer::open(context_, hub_);
  if (!dealer) throw std::runtime_error(dealer.error().message);
  pod.dealer.emplace(std::move(*dealer));
  for (auto& [id, entry] : pod.journal)
    if (entry.started && entry.outcome.empty()) end(pod, id, entry, "INDETERMINATE");
}

void Fleet::take(Pod& pod, const protocol::Command& command) {
  const auto [at, is_new] = pod.journal.try_emplace(command.id);
  if (is_new) {
    at->second.at_us = monotonic_us() + random_() % 300'000;
    if (command.deadline_us <= 0) end(pod, command.id, at->second, "EXPIRED");
  }
  pod.session->received(command.id);
}

void Fleet::end(Pod& pod, const std::string& id, Entry& entry, const std::string& outcome) {
  entry.outcome = outcome;
  pod.outbox.add(protocol::Outcome{.id = id, .outcome = outcome});
}

void Fleet::live(Pod& pod, bool rough, std::int64_t now_us) {
  if (rough && one_in(kKilled)) begin(pod);
  if (rough && one_in(kMeasures))
    pod.ring->add(pod.series, now_us, static_cast<double>(++pod.value));
  if (rough && one_in(kLogs))
    pod.outbox.add(protocol::Metric{.name = "loss", .number = ++pod.logged});
  for (auto& [id, entry] : pod.journal) {
    if (!entry.outcome.empty() || now_us < entry.at_us) continue;
    if (entry.started) {
      end(pod, id, entry, "DONE");
    } else {
      entry.started = true;
      entry.at_us = now_us + random_() % 300'000;
      ++pod.executed[id];
    }
  }
  pod.dealer->exchange(*pod.session, now_us);
}

void Fleet::run() {
  while (!stop_) {
    const bool rough = rough_;
    std::size_t settled = 0;
    const std::int64_t from_us = monotonic_us();
    for (const auto& pod : pods_) {
      live(*pod, rough, monotonic_us());
      bool idle = pod->session->open() && pod->ring->waiting() == 0 &&
                  pod->outbox.first() == pod->outbox.end();
      for (const auto& [id, entry] : pod->journal) idle = idle && !entry.outcome.empty();
      settled += idle ? 1 : 0;
    }
    settled_ = rough ? 0 : settled;
    const std::int64_t left_us = kTurnUs - (monotonic_us() - from_us);
    if (left_us > 0) ::poll(nullptr, 0, static_cast<int>(left_us / 1000));
    if (rough && one_in(kStalls)) ::poll(nullptr, 0, kStallMs);
  }
}

}  // namespace scanflow::test
