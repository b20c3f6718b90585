#include "sidecar/link/session.hpp"

#include <vector>

#include "tests/fuzz/properties.hpp"
#include "tests/fuzz/script.hpp"
#include "tests/support/sidecar_link.hpp"

namespace scanflow::fuzz {
namespace {

/// No hub makes a sidecar wait for longer.
constexpr std::int64_t kLongestLeaseUs = 3'600'000'000;
constexpr std::size_t kRing = 50, kSeries = 4, kMostOfOnePoll = 200;

struct SessionWorld {
  SessionWorld() {
    link::SessionEvents events;
    events.command = [this](const protocol::Command& command) { session->received(command.id); };
    session.emplace(link::Session::Identity{"a", "b", {.role = "sidecar"}}, ring, outbox, events);
  }

  /// A message that this hub may have sent: what it says, but under a header that fits.
  std::string from_hub(Script& script) {
    protocol::Header header;
    header.boot_id = script.name();
    header.term = script.below(3);
    header.seq = ++seq;
    std::string bytes;
    protocol::encode({header, script.body()}, bytes);
    return bytes;
  }
  std::string anything(Script& script) {
    switch (script.below(3)) {
      case 0:
        return std::string(script.text(64));
      case 1: {
        std::string bytes;
        protocol::encode({script.header(), script.body()}, bytes);
        return mutated(script, std::move(bytes));
      }
      default:
        return from_hub(script);
    }
  }
  void poll() {
    const std::vector<std::string> said = session->poll(now_us);
    must(said.size() <= kMostOfOnePoll, "one poll says more than rings and windows hold");
    for (const std::string& each : said) {
      const auto message = protocol::decode(each);
      must(message && *message, "the session says what nobody can read");
      must((*message)->header.seq == ++said_seq, "what is said is not numbered without gaps");
    }
  }
  void step(Script& script) {
    switch (script.below(6)) {
      case 0:
        now_us += static_cast<std::int64_t>(script.byte()) * 100'000;
        break;
      case 1:
        ring.add(ring.series(script.name(), "gauge", {}), 1, 1);
        break;
      case 2:
        if (outbox.end() - outbox.first() < 20) outbox.add(protocol::Outcome{.id = script.name()});
        break;
      case 3:
        session->tell(protocol::Started{});
        break;
      default:
        (void)session->receive(anything(script), now_us);
    }
  }

  link::TelemetryRing ring{kRing, kSeries};
  test::MemoryOutbox outbox{"a"};
  std::optional<link::Session> session;
  std::int64_t now_us = 0;
  std::uint64_t seq = 0, said_seq = 0;
};

}  // namespace

void session(std::string_view input) {
  Script script(input);
  SessionWorld world;
  while (!script.done()) {
    world.step(script);
    if (script.below(2) == 0) world.poll();
    const protocol::Account& account = world.ring.account();
    must(account.produced == account.sent + account.dropped + world.ring.waiting(),
         "the sidecar's account does not balance");
    must(world.outbox.first() <= world.outbox.end(), "more is delivered than there is");
    must(!world.session->open() || world.session->wake_us() <= world.now_us + kLongestLeaseUs,
         "an open session never wakes again");
  }
}

}  // namespace scanflow::fuzz
