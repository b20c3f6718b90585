#include "engine/hub/core.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "tests/fuzz/properties.hpp"
#include "tests/fuzz/script.hpp"

namespace scanflow::fuzz {
namespace {

constexpr std::size_t kUsers = 2, kPods = 4;

hub::HubLimits limits() {
  hub::HubLimits chosen;
  chosen.sessions = 3;
  chosen.credit = 20;
  chosen.window = 3;
  chosen.series = 4;
  chosen.commands = 4;
  return chosen;
}

/// A hub, and peers that say what they like.
struct World {
  World() : core("hub", 3, limits(), events()) {}

  hub::HubEvents events() {
    hub::HubEvents all;
    all.attached = [this](const hub::SidecarKey& key, const protocol::Hello& hello) {
      must(attached.insert(key).second, "one that is attached attaches again");
      const std::uint64_t before = hello.oldest == 0 ? 0 : hello.oldest - 1;
      const bool same = std::exchange(spool[key], hello.spool) == hello.spool;
      committed[key] = same ? std::max(committed[key], before) : before;
    };
    all.detached = [this](const hub::SidecarKey& key, const std::string&) {
      must(attached.erase(key) == 1, "one that is not attached detaches");
    };
    all.series = [](const hub::SidecarKey&, const protocol::Series& series) {
      must(series.number >= 1 && series.number <= limits().series, "a series over the limit");
      return series.number;
    };
    all.samples = [this](std::span<const hub::Sample> samples) { came += samples.size(); };
    all.delivery = [this](const hub::SidecarKey& key, std::uint64_t number, protocol::Message) {
      must(number > committed[key], "what is committed comes again");
      must(number - committed[key] <= limits().window, "deliveries over the window");
    };
    return all;
  }
  std::string anything(Script& script, std::uint64_t peer) {
    std::string bytes;
    switch (script.below(4)) {
      case 0:
        return std::string(script.text(64));
      case 1:
        protocol::encode({script.header(), script.body()}, bytes);
        return mutated(script, std::move(bytes));
      default:  // as that peer would say it next
        protocol::Header header;
        header.pod_uid = std::string(1, static_cast<char>('a' + peer % kPods));
        header.boot_id = script.below(16) == 15 ? script.name() : "a";
        header.seq = ++seq[peer];
        protocol::encode({header, script.body()}, bytes);
        return bytes;
    }
  }
  hub::SidecarKey key(Script& script) { return {user(script.byte()), script.name()}; }
  static std::string user(std::uint64_t peer) { return peer % kUsers == 0 ? "u" : "v"; }

  void step(Script& script) {
    const std::uint64_t peer = script.below(kPods * kUsers);
    switch (script.below(8)) {
      case 0:
        core.tick(now_us += static_cast<std::int64_t>(script.byte()) * 100'000);
        break;
      case 1: {
        (void)core.command(key(script), {.id = script.name(), .deadline_us = 1'000'000}, now_us);
        break;
      }
      case 2: {
        const hub::SidecarKey of = key(script);
        const std::uint64_t number = committed[of] + script.below(2);
        committed[of] = number;
        core.delivered(of, number, now_us);
        break;
      }
      case 3:
        core.disconnected(std::to_string(peer), "gone");
        break;
      default:
        core.receive({std::to_string(peer), user(peer)}, anything(script, peer), now_us);
    }
  }
  void check() {
    for (const hub::Outgoing& each : core.take_outgoing()) {
      const auto message = protocol::decode(each.bytes);
      must(message && *message, "the hub says what nobody can read");
    }
    must(core.attached() == attached.size(), "the owner is not told who is attached");
    must(core.attached() <= limits().sessions, "more sessions than the limit");
    for (const char* name : {"u", "v"}) {
      for (char pod = 'a'; pod < 'e'; ++pod) {
        const hub::TelemetryAccount* account = core.account({name, std::string(1, pod)});
        if (account == nullptr) continue;
        const std::uint64_t sum =
            account->received() + account->dropped() + account->lost() + account->pending();
        must(account->produced() == sum, "the hub's account does not balance");
        for (const std::uint64_t part :
             {account->received(), account->dropped(), account->lost(), account->pending()}) {
          must(part <= account->produced(), "a part of the hub's account is below nothing");
        }
      }
    }
  }

  std::set<hub::SidecarKey> attached;
  std::map<hub::SidecarKey, std::uint64_t> committed;
  std::map<hub::SidecarKey, std::string> spool;
  std::map<std::uint64_t, std::uint64_t> seq;
  std::uint64_t came = 0;
  std::int64_t now_us = 0;
  hub::Core core;
};

}  // namespace

void core(std::string_view input) {
  Script script(input);
  World world;
  while (!script.done()) {
    world.step(script);
    world.check();
  }
}

}  // namespace scanflow::fuzz
