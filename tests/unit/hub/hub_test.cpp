// The hub's thread and sidecars' sockets, for real: over a Unix socket, and over TCP with CURVE.
#include "engine/hub/hub.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <set>

#include "sdk/base/clock.hpp"
#include "sidecar/link/dealer.hpp"
#include "tests/support/keys.hpp"
#include "tests/support/sidecar_link.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::hub {
namespace {

using namespace std::chrono_literals;

using test::Keys;

/// A sidecar's process as far as the hub can tell.
struct TestSidecar {
  TestSidecar(zmq::context_t& context, const link::DealerOptions& options, const std::string& pod,
              const std::string& boot = "boot-1")
      : dealer(*link::Dealer::open(context, options)),
        session({pod, boot, {.role = "sidecar", .name = pod}}, ring, outbox, events()) {}

  link::SessionEvents events() {
    link::SessionEvents all;
    all.command = [this](const protocol::Command& command) {
      ++commands[command.id];
      if (commands[command.id] == 1)
        outbox.add(protocol::Outcome{.id = command.id, .outcome = "DONE"});
      session.received(command.id);
    };
    return all;
  }
  /// Lives until then; false: not within ten seconds.
  bool until(const std::function<bool()>& condition) {
    const std::int64_t deadline_us = monotonic_us() + 10'000'000;
    while (!condition()) {
      if (monotonic_us() > deadline_us) return false;
      zmq::pollitem_t item{dealer.socket().handle(), 0, ZMQ_POLLIN, 0};
      zmq::poll(&item, 1, 5ms);
      exchange();
    }
    return true;
  }

  /// As Dealer::exchange does; `tap` hears what is said.
  void exchange() {
    if (!tap) return dealer.exchange(session, monotonic_us());
    for (zmq::message_t each; dealer.socket().recv(each, zmq::recv_flags::dontwait);)
      (void)session.receive(each.to_string_view(), monotonic_us());
    for (const std::string& bytes : session.poll(monotonic_us())) {
      tap(bytes);
      dealer.socket().send(zmq::buffer(bytes));
    }
  }

  std::function<void(const std::string&)> tap;
  link::TelemetryRing ring{1000, 10};
  test::MemoryOutbox outbox{"spool"};
  std::map<std::string, int> commands;
  link::Dealer dealer;
  link::Session session;
};

class HubTest : public testing::Test {
 protected:
  /// What the hub's owner sees; guarded, as it is told on the hub's thread.
  struct Seen {
    std::mutex mutex;
    std::set<std::string> attached;  // "user/pod"
    std::multiset<std::string> outcomes;
    std::size_t samples = 0;

    template <typename Use>
    auto with(Use use) {
      const std::lock_guard lock(mutex);
      return use(*this);
    }
  };

  std::unique_ptr<Hub> start(std::uint64_t term, HubOptions options = {}) {
    options.boot_id = fmt::format("hub-{}", term);
    options.term = term;
    options.limits.heartbeat_us = 100'000;
    options.limits.lease_us = 2'000'000;
    if (options.network.tcp.empty()) options.ipc = files_ / "hub.sock";
    HubEvents events;
    events.attached = [this](const SidecarKey& key, const protocol::Hello&) {
      seen_.with([&](Seen& seen) { seen.attached.insert(key.user + "/" + key.pod_uid); });
    };
    events.detached = [this](const SidecarKey& key, const std::string&) {
      seen_.with([&](Seen& seen) { seen.attached.erase(key.user + "/" + key.pod_uid); });
    };
    events.series = [](const auto&, const auto&) { return 1; };
    events.samples = [this](std::span<const Sample> samples) {
      seen_.with([&](Seen& seen) { seen.samples += samples.size(); });
    };
    events.delivery = [this](const SidecarKey& key, std::uint64_t number,
                             const protocol::Message& message) {
      const auto* outcome = std::get_if<protocol::Outcome>(&message.body);
      seen_.with([&](Seen& seen) { seen.outcomes.insert(outcome ? outcome->id : "?"); });
      if (!commits_) return;
      hub_->post([key, number](Core& core, std::int64_t now) { core.delivered(key, number, now); });
    };
    auto started = Hub::start(std::move(options), std::move(events));
    if (!started) throw std::runtime_error(started.error().message);
    return std::move(*started);
  }
  bool attached(const std::string& name) {
    return seen_.with([&](Seen& seen) { return seen.attached.contains(name); });
  }
  void order(const std::string& pod, const std::string& id) {
    hub_->post([pod, id](Core& core, std::int64_t now) {
      EXPECT_TRUE(core.command({"local", pod}, {.id = id, .deadline_us = 60'000'000}, now));
    });
  }

  test::TempDir files_;
  zmq::context_t context_;
  Seen seen_;
  std::atomic<bool> commits_ = true;
  std::unique_ptr<Hub> hub_;
};

TEST_F(HubTest, CarriesCommandsOutcomesAndTelemetryOverAUnixSocket) {
  hub_ = start(1);
  TestSidecar sidecar(context_, {.endpoint = "ipc://" + std::string(files_ / "hub.sock")}, "pod");
  ASSERT_TRUE(sidecar.until([&] { return sidecar.session.open(); }));
  EXPECT_TRUE(attached("local/pod"));
  order("pod", "c1");
  const std::uint32_t series = sidecar.ring.series("m", "gauge", {});
  for (int i = 0; i < 100; ++i) sidecar.ring.add(series, i, i);
  ASSERT_TRUE(sidecar.until([&] { return sidecar.outbox.first() == 2; })) << "not committed";
  EXPECT_EQ(sidecar.commands.at("c1"), 1);
  EXPECT_TRUE(
      sidecar.until([&] { return seen_.with([](Seen& seen) { return seen.samples == 100; }); }));
  sidecar.session.leave("done");
  EXPECT_TRUE(sidecar.until([&] { return !attached("local/pod"); }));
}

/// Greets the hub in a process of its own, as this user. Is it answered?
bool is_answered(const std::string& endpoint, uid_t user) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setuid(user) != 0) ::_exit(2);
    zmq::context_t context;
    TestSidecar sidecar(context, {.endpoint = endpoint}, "pod");
    const std::int64_t until_us = monotonic_us() + 1'000'000;
    sidecar.until([&] { return sidecar.session.open() || monotonic_us() > until_us; });
    ::_exit(sidecar.session.open() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(HubTest, OverAUnixSocketOnlyItsOwnUserIsLetInWhoeverMayOpenIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be somebody else";
  hub_ = start(1);
  for (const auto& path : {files_.path(), files_ / "hub.sock"})
    std::filesystem::permissions(path, std::filesystem::perms::all);
  const std::string endpoint = "ipc://" + std::string(files_ / "hub.sock");
  constexpr uid_t kNobody = 65534;
  EXPECT_TRUE(is_answered(endpoint, 0));
  EXPECT_FALSE(is_answered(endpoint, kNobody));
}

TEST_F(HubTest, WhatAHubDidNotCommitGoesToTheNextOne) {
  commits_ = false;
  hub_ = start(1);
  TestSidecar sidecar(context_, {.endpoint = "ipc://" + std::string(files_ / "hub.sock")}, "pod");
  order("pod", "c1");
  ASSERT_TRUE(
      sidecar.until([&] { return seen_.with([](Seen& s) { return s.outcomes.size(); }) == 1; }));
  hub_.reset();
  commits_ = true;
  hub_ = start(2);
  ASSERT_TRUE(sidecar.until([&] { return sidecar.session.term() == 2; }));
  ASSERT_TRUE(sidecar.until([&] { return sidecar.outbox.first() == 2; }));
  EXPECT_EQ(seen_.with([](Seen& seen) { return seen.outcomes.count("c1"); }), 2u);
  EXPECT_EQ(sidecar.commands.at("c1"), 1) << "once";
}

TEST_F(HubTest, OverTcpOnlyKnownKeysAreLetInEachUnderItsName) {
  const Keys hub_keys, known, unknown;
  HubOptions options;
  options.network.tcp = "tcp://127.0.0.1:*";
  options.network.secret_key = hub_keys.secret;
  options.network.user_of = [&](const std::string& key) {
    return key == known.open ? "team-a" : "";
  };
  hub_ = start(1, options);
  const auto dealer = [&](const Keys& keys, const char* hub) {
    return link::DealerOptions{hub_->tcp(), hub, keys.open, keys.secret};
  };
  TestSidecar stranger(context_, dealer(unknown, hub_keys.open), "pod");
  TestSidecar naked(context_, {.endpoint = hub_->tcp()}, "pod");
  TestSidecar misled(context_, dealer(known, unknown.open), "pod");  // to another hub's key
  TestSidecar good(context_, dealer(known, hub_keys.open), "pod");
  ASSERT_TRUE(good.until([&] {
    for (TestSidecar* each : {&stranger, &naked, &misled})
      each->dealer.exchange(each->session, monotonic_us());
    return good.session.open();
  }));
  // Longer than the one that is let in needs.
  const std::int64_t until_us = monotonic_us() + 300'000;
  EXPECT_TRUE(stranger.until([&] {
    for (TestSidecar* each : {&naked, &misled})
      each->dealer.exchange(each->session, monotonic_us());
    return monotonic_us() > until_us;
  }));
  EXPECT_FALSE(stranger.session.open());
  EXPECT_FALSE(naked.session.open());
  EXPECT_FALSE(misled.session.open());
  EXPECT_THAT(seen_.with([](Seen& seen) { return seen.attached; }),
              testing::ElementsAre("team-a/pod"));
}

TEST_F(HubTest, APodsNameWithAnotherKeyIsAnotherSidecar) {
  const Keys hub_keys, victims, thiefs;
  HubOptions options;
  options.network.tcp = "tcp://127.0.0.1:*";
  options.network.secret_key = hub_keys.secret;
  options.network.user_of = [&](const std::string& key) {
    return key == victims.open ? "victim" : "thief";
  };
  hub_ = start(1, options);
  const auto dealer = [&](const Keys& keys) {
    return link::DealerOptions{hub_->tcp(), hub_keys.open, keys.open, keys.secret};
  };
  TestSidecar victim(context_, dealer(victims), "pod");
  ASSERT_TRUE(victim.until([&] { return victim.session.open(); }));
  TestSidecar thief(context_, dealer(thiefs), "pod", "boot-2");
  ASSERT_TRUE(thief.until([&] { return thief.session.open(); }));
  hub_->post([](Core& core, std::int64_t now) {
    EXPECT_TRUE(core.command({"victim", "pod"}, {.id = "c", .deadline_us = 60'000'000}, now));
  });
  EXPECT_TRUE(victim.until([&] {
    thief.dealer.exchange(thief.session, monotonic_us());
    return victim.outbox.first() == 2;
  })) << "its session was taken from it";
  EXPECT_TRUE(thief.commands.empty());
  EXPECT_THAT(seen_.with([](Seen& seen) { return seen.attached; }),
              testing::ElementsAre("thief/pod", "victim/pod"));
}

TEST_F(HubTest, AKeyThatBecomesKnownLaterIsLetIn) {
  const Keys hub_keys, keys;
  std::atomic<bool> known = false;
  std::atomic<int> asked = 0;
  HubOptions options;
  options.network.tcp = "tcp://127.0.0.1:*";
  options.network.secret_key = hub_keys.secret;
  options.network.user_of = [&](const std::string&) {
    ++asked;
    return known ? "user" : "";
  };
  options.limits.handshake_us = 300'000;
  hub_ = start(1, options);
  TestSidecar sidecar(context_, {hub_->tcp(), hub_keys.open, keys.open, keys.secret}, "pod");
  ASSERT_TRUE(sidecar.until([&] { return asked > 0; }));
  known = true;
  EXPECT_TRUE(sidecar.until([&] { return sidecar.session.open(); })) << "it does not come back";
}

TEST_F(HubTest, WhatWasRecordedAndIsSentAgainChangesNothing) {
  hub_ = start(1);
  const link::DealerOptions to{.endpoint = "ipc://" + std::string(files_ / "hub.sock")};
  TestSidecar sidecar(context_, to, "pod");
  std::vector<std::string> recorded;
  sidecar.tap = [&](const std::string& bytes) { recorded.push_back(bytes); };
  order("pod", "c1");
  for (int i = 0; i < 100; ++i) sidecar.ring.add(sidecar.ring.series("m", "gauge", {}), i, i);
  ASSERT_TRUE(sidecar.until([&] {
    return sidecar.outbox.first() == 2 &&
           seen_.with([](Seen& seen) { return seen.samples == 100; });
  }));
  auto elsewhere = *link::Dealer::open(context_, to);
  ASSERT_GT(recorded.size(), 3u) << "Hello, telemetry, Received, the outcome";
  for (int i = 0; i < 3; ++i) {
    for (const std::string& bytes : recorded) {
      sidecar.dealer.socket().send(zmq::buffer(bytes));
      elsewhere.socket().send(zmq::buffer(bytes));
    }
  }
  order("pod", "c2");
  ASSERT_TRUE(sidecar.until([&] { return sidecar.outbox.first() == 3; })) << "its session is gone";
  EXPECT_EQ(seen_.with([](Seen& seen) { return seen.outcomes; }),
            (std::multiset<std::string>{"c1", "c2"}));
  EXPECT_EQ(seen_.with([](Seen& seen) { return seen.samples; }), 100u);
}

TEST_F(HubTest, AnAddressThatIsTakenIsSaid) {
  HubOptions options;
  options.network.tcp = "tcp://127.0.0.1:*";
  options.network.secret_key = Keys().secret;
  options.network.user_of = [](const std::string&) { return ""; };
  hub_ = start(1, options);
  options.network.tcp = hub_->tcp();
  const auto second = Hub::start(options, {});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, testing::HasSubstr(hub_->tcp() + ": Address already in use"));
}

}  // namespace
}  // namespace scanflow::hub
