// What one sidecar, one key or one connection can ask of the hub, and that no other pays for it.
#include "engine/hub/limits.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/hub/core.hpp"
#include "tests/support/seconds.hpp"
#include "tests/support/sidecar_link.hpp"

namespace scanflow::hub {
namespace {

using protocol::Body;
using test::decoded;
using test::encoded;
using testing::AllOf;
using testing::ElementsAre;
using testing::Gt;
using testing::Lt;

TEST(Meter, FillsUpWithTime) {
  Meter meter;
  const Rate rate{2, 5};
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(meter.take(1, rate, 0));
  EXPECT_FALSE(meter.take(1, rate, 0));
  EXPECT_FALSE(meter.take(1, rate, kSecond / 4));
  EXPECT_TRUE(meter.take(1, rate, kSecond / 2)) << "half a second is one, also in small steps";
  EXPECT_FALSE(meter.take(6, rate, 100 * kSecond)) << "never more than at once";
  EXPECT_TRUE(meter.take(5, rate, 100 * kSecond));
  EXPECT_FALSE(meter.take(1, rate, 50 * kSecond)) << "a clock that goes back gives nothing";
}

class LimitsTest : public testing::Test {
 protected:
  HubEvents events() {
    HubEvents all;
    all.attached = [this](const SidecarKey& key, const auto&) {
      said_.push_back("+" + key.pod_uid);
    };
    all.detached = [this](const SidecarKey& key, const std::string&) {
      said_.push_back("-" + key.pod_uid);
    };
    all.series = [this](const auto&, const protocol::Series& series) {
      named_.push_back(series.name);
      return named_.size();
    };
    all.samples = [this](std::span<const Sample> samples) { samples_ += samples.size(); };
    all.delivery = [this](const SidecarKey&, std::uint64_t number, const protocol::Message&) {
      deliveries_.push_back(number);
    };
    all.odd = [this](const std::string& what, std::uint64_t times) { odd_[what] += times; };
    return all;
  }
  static HubLimits limits() {
    HubLimits chosen;
    chosen.sessions = 10;
    chosen.user_sessions = 5;
    chosen.window = 3;
    chosen.series = 4;
    chosen.series_bytes = 50;
    chosen.bytes = {1000, 5000};
    chosen.greetings = {1, 4};
    return chosen;
  }

  struct Says {
    std::string pod, user = "key", boot = "b1", route = {};
    std::uint64_t gap = 0;
  };
  void says(const Says& who, Body body, std::int64_t now_us = 0) {
    protocol::Header header;
    header.pod_uid = who.pod;
    header.boot_id = who.boot;
    header.seq = seq_[who.user + who.pod + who.boot] += 1 + who.gap;
    core_.receive({who.route.empty() ? "route " + who.user + who.pod : who.route, who.user},
                  encoded(header, std::move(body)), now_us);
  }
  void hello(const Says& who, std::int64_t now_us = 0) {
    says(who, protocol::Hello{.role = "sidecar", .spool = "spool"}, now_us);
  }
  template <typename T>
  std::size_t outgoing() {
    std::size_t count = 0;
    for (const Outgoing& each : core_.take_outgoing())
      count += std::holds_alternative<T>(decoded(each.bytes).body) ? 1 : 0;
    return count;
  }
  std::uint64_t odd(const std::string& what) {
    core_.tick(now_odd_ += 100 * kSecond);
    return odd_[what];
  }

  std::vector<std::string> said_, named_;
  std::vector<std::uint64_t> deliveries_;
  std::size_t samples_ = 0;
  std::map<std::string, std::uint64_t> odd_, seq_;
  std::int64_t now_odd_ = 0;
  Core core_{"hub", 1, limits(), events()};
};

TEST_F(LimitsTest, AFloodIsNotReadAndTheOthersAre) {
  hello({"flood"});
  hello({"good"});
  core_.take_outgoing();
  ASSERT_TRUE(core_.command({"key", "good"}, {.id = "c", .deadline_us = kSecond}, 0));
  for (int i = 0; i < 1000; ++i) says({"flood"}, protocol::Heartbeat{});
  says({"good"}, protocol::Received{"c"});
  core_.take_outgoing();
  core_.tick(2 * kSecond);
  EXPECT_EQ(outgoing<protocol::Command>(), 0u) << "it was read that the other one has it";
  EXPECT_THAT(odd("messages over the rate of one sidecar, not read"), AllOf(Gt(900u), Lt(1000u)));
}

TEST_F(LimitsTest, WhoeverHasNoSessionIsAnsweredNowAndThen) {
  for (int i = 0; i < 100; ++i) says({"p"}, protocol::Heartbeat{});
  EXPECT_EQ(outgoing<protocol::Goodbye>(), 1u);
  says({"p"}, protocol::Heartbeat{}, kSecond);
  EXPECT_EQ(outgoing<protocol::Goodbye>(), 1u);
  for (int i = 0; i < 100'000; ++i) says({"p"}, protocol::Heartbeat{}, kSecond);
  EXPECT_EQ(outgoing<protocol::Goodbye>(), 0u);
  EXPECT_GT(odd("messages over the rate of one sidecar, not read"), 10'000u);
}

TEST_F(LimitsTest, AStormOfHellosIsNotConsidered) {
  for (int i = 0; i < 100; ++i) hello({"p"});
  EXPECT_EQ(outgoing<protocol::Welcome>(), 4u);
  hello({"p"}, 2 * kSecond);
  EXPECT_EQ(outgoing<protocol::Welcome>(), 1u) << "one that comes back later is let in";
  for (int i = 0; i < 100; ++i) hello({.pod = "q", .boot = fmt::format("boot {}", i)});
  EXPECT_LE(outgoing<protocol::Welcome>(), 4u) << "nor are those of ever new boots";
  EXPECT_GT(odd("Hellos over the rate of one sidecar or user") +
                odd("messages over the rate of one sidecar, not read"),
            190u);
}

TEST_F(LimitsTest, OneKeyHasSoManySidecarsAndNoMore) {
  for (int i = 0; i < 8; ++i) hello({fmt::format("p{}", i)});
  EXPECT_EQ(core_.attached(), 5u);
  EXPECT_EQ(outgoing<protocol::Reject>(), 3u);
  hello({.pod = "p", .user = "another key"});
  EXPECT_EQ(core_.attached(), 6u);
  says({"p0"}, protocol::Goodbye{"the end"});
  hello({"p7"});
  EXPECT_EQ(core_.attached(), 6u) << "who goes makes room";
}

TEST_F(LimitsTest, AConnectionSpeaksForOnePod) {
  hello({.pod = "a", .route = "r"});
  hello({.pod = "b", .route = "r"});
  EXPECT_THAT(said_, ElementsAre("+a", "-a", "+b"));
  EXPECT_EQ(core_.attached(), 1u);
  // And so it cannot fill the hub with Pods that never were.
  for (int i = 0; i < 1000; ++i)
    hello({.pod = fmt::format("p{}", i), .route = "r"}, i * 10 * kSecond);
  EXPECT_EQ(core_.attached(), 1u);
  EXPECT_LE(core_.known(), 20u);
}

TEST_F(LimitsTest, WhoIsAwayForLongMakesRoomButNotItsCommands) {
  hello({.pod = "waits", .route = "r"});
  ASSERT_TRUE(core_.command({"key", "waits"}, {.id = "c", .deadline_us = 1'000'000 * kSecond}, 0));
  for (int i = 0; i < 30; ++i)
    hello({.pod = fmt::format("p{}", i), .route = "r"}, i * 10 * kSecond);
  core_.take_outgoing();
  hello({.pod = "waits", .boot = "b2"}, 400 * kSecond);
  EXPECT_EQ(outgoing<protocol::Command>(), 1u);
}

TEST_F(LimitsTest, ASeriesKeepsItsName) {
  hello({"p"});
  std::uint64_t sample = 0;
  const auto named = [&](std::uint32_t number, const std::string& name) {
    protocol::Telemetry batch;
    batch.first = batch.produced = ++sample;
    batch.numbers = {number};
    batch.times = {0};
    batch.values = {1};
    batch.series = {{number, name, "gauge", {}}};
    return batch;
  };
  says({"p"}, named(1, "cpu"));
  says({"p"}, named(1, "cpu"));
  for (int i = 0; i < 3; ++i) says({"p"}, named(1, fmt::format("other {}", i)));
  says({"p"}, named(2, std::string(100, 'x')));
  says({"p"}, named(5, "too many"));
  EXPECT_THAT(named_, ElementsAre("cpu", "cpu"));
  EXPECT_EQ(odd("series that were given another name"), 3u);
  EXPECT_EQ(odd("series whose names are too long"), 1u);
}

TEST_F(LimitsTest, GapsNeitherOpenTheWindowNorCallForAWelcomeEach) {
  hello({"p"});
  core_.take_outgoing();
  for (std::uint64_t i = 0; i < 10; ++i) {
    says({.pod = "p", .gap = 1},
         protocol::Deliver{"spool", 1 + i % 4, {encoded({}, protocol::Outcome{.id = "x"})}});
  }
  EXPECT_EQ(outgoing<protocol::Welcome>(), 0u);
  core_.tick(kSecond);
  EXPECT_EQ(outgoing<protocol::Welcome>(), 1u);
  for (std::uint64_t i = 0; i < 10; ++i)
    says({"p"}, protocol::Deliver{"spool", 1 + i % 4, {encoded({}, protocol::Outcome{.id = "x"})}},
         kSecond);
  EXPECT_THAT(deliveries_, ElementsAre(1, 2, 3)) << "each once, none of them is committed yet";
}

TEST_F(LimitsTest, OddThingsAreToldOnceAMinute) {
  for (int i = 0; i < 5; ++i) core_.receive({"r", "key"}, "junk", i);
  core_.tick(59 * kSecond);
  EXPECT_TRUE(odd_.empty());
  core_.tick(60 * kSecond);
  EXPECT_EQ(odd_["malformed messages"], 5u);
  core_.odd("what the transport saw", 7);
  core_.tick(119 * kSecond);
  EXPECT_EQ(odd_.size(), 1u);
  core_.tick(120 * kSecond);
  EXPECT_EQ(odd_["what the transport saw"], 7u);
}

}  // namespace
}  // namespace scanflow::hub
