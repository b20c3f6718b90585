#include "engine/hub/core.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/seconds.hpp"
#include "tests/support/sidecar_link.hpp"

namespace scanflow::hub {
namespace {

using protocol::Body;
using protocol::Header;
using test::decoded;
using test::encoded;
using testing::ElementsAre;
using testing::HasSubstr;

class CoreTest : public testing::Test {
 protected:
  HubEvents events() {
    HubEvents all;
    all.attached = [this](const auto& key, const auto&) {
      said_.push_back("attached " + key.pod_uid);
    };
    all.detached = [this](const auto& key, const std::string& why) {
      said_.push_back("detached " + key.pod_uid + ": " + why);
    };
    all.suspected = [this](const auto& key) { said_.push_back("suspected " + key.pod_uid); };
    all.series = [this](const auto&, const protocol::Series& series) {
      named_.push_back(series.name);
      return named_.size();
    };
    all.samples = [this](std::span<const Sample> samples) {
      samples_.insert(samples_.end(), samples.begin(), samples.end());
    };
    all.delivery = [this](const auto&, std::uint64_t number, const protocol::Message&) {
      deliveries_.push_back(number);
    };
    all.expired = [this](const auto&, const std::string& id) { said_.push_back("expired " + id); };
    all.lost = [this](const auto&, const std::string& id) { said_.push_back("lost " + id); };
    all.odd = [this](const std::string& what, std::uint64_t times) {
      said_.push_back(std::to_string(times) + " " + what);
    };
    return all;
  }
  static HubLimits limits() {
    HubLimits chosen;
    chosen.sessions = 3;
    chosen.credit = 10;
    chosen.window = 3;
    chosen.series = 2;
    chosen.commands = 2;
    return chosen;
  }

  /// A message of the sidecar in a Pod, numbered on.
  void says(const std::string& pod, Body body, std::int64_t now_us,
            const std::string& boot = "b1") {
    Header header;
    header.pod_uid = pod;
    header.boot_id = boot;
    header.seq = ++seq_[pod + boot];
    core_.receive({"route " + pod, user_}, encoded(header, std::move(body)), now_us);
  }
  void hello(const std::string& pod, std::int64_t now_us, const std::string& boot = "b1",
             protocol::Account account = {}) {
    says(pod, protocol::Hello{.role = "sidecar", .telemetry = account, .spool = "spool"}, now_us,
         boot);
  }
  /// What the hub says now, to one peer.
  template <typename T>
  std::vector<T> outgoing() {
    std::vector<T> found;
    for (const Outgoing& each : core_.take_outgoing()) {
      const protocol::Message message = decoded(each.bytes);
      if (const T* body = std::get_if<T>(&message.body)) found.push_back(*body);
    }
    return found;
  }

  std::vector<std::string> said_, named_;
  std::vector<Sample> samples_;
  std::vector<std::uint64_t> deliveries_;
  std::map<std::string, std::uint64_t> seq_;
  std::string user_ = "key";
  Core core_{"hub", 5, limits(), events()};
};

protocol::Telemetry samples(std::uint64_t first, std::size_t count, std::uint64_t produced) {
  protocol::Telemetry made;
  made.first = first;
  made.produced = produced;
  made.time_us = 1000;
  for (std::size_t i = 0; i < count; ++i) {
    made.numbers.push_back(1);
    made.times.push_back(static_cast<std::int64_t>(i));
    made.values.push_back(static_cast<double>(first + i));
  }
  return made;
}

TEST_F(CoreTest, WelcomesASidecarUnderItsTerm) {
  hello("p", 0);
  const auto out = core_.take_outgoing();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].routing_id, "route p");
  const protocol::Message message = decoded(out[0].bytes);
  EXPECT_EQ(message.header.term, 5u);
  EXPECT_EQ(message.header.boot_id, "hub");
  ASSERT_TRUE(std::holds_alternative<protocol::Welcome>(message.body));
  EXPECT_EQ(std::get<protocol::Welcome>(message.body).credit, 10u);
  EXPECT_EQ(core_.attached(), 1u);
}

TEST_F(CoreTest, RefusesWhatItDoesNotServe) {
  says("p", protocol::Hello{.role = "agent"}, 0);
  EXPECT_THAT(outgoing<protocol::Reject>().at(0).reason, HasSubstr("'agent'"));
  hello("", 0);
  EXPECT_THAT(outgoing<protocol::Reject>().at(0).reason, HasSubstr("must name"));
  says("q", protocol::Heartbeat{}, 0);
  EXPECT_THAT(outgoing<protocol::Goodbye>().at(0).reason, HasSubstr("no such session"));
  for (const char* pod : {"1", "2", "3", "4"}) hello(pod, 0);
  EXPECT_THAT(outgoing<protocol::Reject>().at(0).reason, HasSubstr("3 sessions"));
  EXPECT_EQ(core_.attached(), 3u);
  hello("1", kSecond);
  EXPECT_EQ(outgoing<protocol::Welcome>().size(), 1u) << "one that it knows may connect anew";
}

TEST_F(CoreTest, AnotherVersionIsToldTheRangeThatIsSpoken) {
  Header header;
  header.major = 9;
  header.pod_uid = "p";
  core_.receive({"route", "key"}, encoded(header, protocol::Goodbye{}), 0);
  const auto refused = outgoing<protocol::Reject>();
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].min_major, protocol::kMajor);
  EXPECT_EQ(refused[0].max_major, protocol::kMajor);
}

TEST_F(CoreTest, AReplacedSidecarIsFenced) {
  hello("p", 0, "old");
  hello("p", kSecond, "new");
  core_.take_outgoing();
  says("p", protocol::Heartbeat{}, kSecond, "old");
  EXPECT_TRUE(core_.take_outgoing().empty()) << "not heard";
  hello("p", 2 * kSecond, "old");
  EXPECT_THAT(outgoing<protocol::Reject>().at(0).reason, HasSubstr("has taken over"));
  EXPECT_THAT(said_,
              ElementsAre("attached p", "detached p: its sidecar was replaced", "attached p"));
}

/// A sidecar ends, the next one has greeted, and then the last Hello of the first comes to a new hub.
TEST_F(CoreTest, TheLastWordOfADeadSidecarDoesNotFenceTheLivingOneForGood) {
  hello("p", 0, "living");
  hello("p", 0, "dead");
  core_.take_outgoing();
  hello("p", kSecond, "living");
  EXPECT_EQ(outgoing<protocol::Reject>().size(), 1u);
  core_.tick(10 * kSecond);
  hello("p", 10 * kSecond, "living");
  EXPECT_EQ(outgoing<protocol::Welcome>().size(), 1u);
  hello("p", 11 * kSecond, "dead");
  EXPECT_EQ(outgoing<protocol::Reject>().size(), 1u);
}

TEST_F(CoreTest, NobodySpeaksInAnothersName) {
  hello("p", 0);
  hello("victim", 0);
  core_.take_outgoing();
  Header header;
  header.pod_uid = "victim";
  header.boot_id = "b1";
  header.seq = 1000;
  core_.receive({"route p", "key"}, encoded(header, protocol::Goodbye{"gone"}), 0);
  user_ = "another key";
  says("victim", protocol::Goodbye{"gone"}, 0);
  EXPECT_EQ(core_.attached(), 2u);
  // With a key of its own the same Pod is another sidecar, and does not take the victim's place.
  core_.receive({"route x", "another key"}, encoded(header, protocol::Hello{.role = "sidecar"}), 0);
  EXPECT_EQ(core_.attached(), 3u);
  ASSERT_TRUE(core_.command({"key", "victim"}, {.id = "c", .deadline_us = kSecond}, 0));
  for (const Outgoing& each : core_.take_outgoing()) {
    const bool is_command = std::holds_alternative<protocol::Command>(decoded(each.bytes).body);
    EXPECT_EQ(is_command, each.routing_id == "route victim");
  }
}

TEST_F(CoreTest, TelemetryIsCountedAndPaidWithCredit) {
  hello("p", 0);
  protocol::Telemetry batch = samples(1, 4, 4);
  batch.series = {{1, "cpu", "gauge", {}}, {2, "memory", "gauge", {}}, {3, "third", "gauge", {}}};
  says("p", batch, 0);
  EXPECT_THAT(named_, ElementsAre("cpu", "memory")) << "two at most";
  ASSERT_EQ(samples_.size(), 4u);
  EXPECT_EQ(samples_[3].time_us, 1003);
  EXPECT_EQ(samples_[3].value, 4);
  EXPECT_TRUE(outgoing<protocol::Credit>().empty()) << "not for each message";
  says("p", samples(5, 4, 8), 0);
  const auto credit = outgoing<protocol::Credit>();
  ASSERT_EQ(credit.size(), 1u);
  EXPECT_EQ(credit[0].samples, 18u) << "all that it may have sent";
  says("p", samples(9, 11, 19), 0);
  EXPECT_EQ(samples_.size(), 8u) << "more than its credit: a flood is not let in";
  EXPECT_EQ(core_.account({"key", "p"})->received(), 8u);
  core_.tick(100 * kSecond);
  EXPECT_THAT(said_, testing::IsSupersetOf(
                         {"1 telemetry without credit", "1 series over the limit of one sidecar"}));
}

TEST_F(CoreTest, DeliveriesAreTakenInOrderOnceAndAcknowledgedWhenCommitted) {
  hello("p", 0);
  core_.take_outgoing();
  const auto deliver = [&](std::uint64_t number) {
    says("p", protocol::Deliver{"spool", number, {encoded({}, protocol::Outcome{.id = "x"})}}, 0);
  };
  for (const std::uint64_t number : {1, 3, 2, 2, 3, 4}) deliver(number);
  EXPECT_THAT(deliveries_, ElementsAre(1, 2, 3)) << "in order, and no more than the window";
  EXPECT_TRUE(outgoing<protocol::Delivered>().empty()) << "nothing is committed yet";
  core_.delivered({"key", "p"}, 2, 0);
  EXPECT_EQ(outgoing<protocol::Delivered>().at(0).number, 2u);
  deliver(4);
  deliver(1);
  EXPECT_THAT(deliveries_, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(outgoing<protocol::Delivered>().at(0).number, 2u) << "it is told again what it missed";
  deliver(0);
  says("p", protocol::Deliver{"spool", 5, {"not a message"}}, 0);
  core_.delivered({"key", "p"}, 4, 0);
  says("p", protocol::Deliver{"spool", 5, {"not a message"}}, 0);
  EXPECT_THAT(deliveries_, ElementsAre(1, 2, 3, 4, 5)) << "so that it does not come for ever";
}

TEST_F(CoreTest, CommandsAreSentUntilTheSidecarHasThemOrTheyExpire) {
  const SidecarKey key{"key", "p"};
  ASSERT_TRUE(core_.command(key, {.id = "early", .deadline_us = 5 * kSecond}, 0));
  hello("p", kSecond);
  auto sent = outgoing<protocol::Command>();
  ASSERT_EQ(sent.size(), 1u) << "it waited for the sidecar";
  EXPECT_EQ(sent[0].deadline_us, 4 * kSecond) << "from now on";
  core_.tick(kSecond + 1);
  EXPECT_TRUE(outgoing<protocol::Command>().empty());
  core_.tick(2 * kSecond + 1);
  EXPECT_EQ(outgoing<protocol::Command>().size(), 1u);
  says("p", protocol::Received{"early"}, 2 * kSecond);
  core_.tick(4 * kSecond);
  EXPECT_TRUE(outgoing<protocol::Command>().empty()) << "it has it";
  says("p", protocol::Goodbye{"the end"}, 4 * kSecond);
  ASSERT_TRUE(core_.command(key, {.id = "late", .deadline_us = kSecond}, 4 * kSecond));
  EXPECT_FALSE(core_.command(key, {.id = "more", .deadline_us = kSecond}, 4 * kSecond));
  core_.tick(5 * kSecond);
  EXPECT_THAT(said_, ElementsAre("attached p", "detached p: the end", "expired late"));
}

TEST_F(CoreTest, WhatASidecarHadAndASecondOneHasNotIsAskedForAgainWhateverTheTime) {
  const SidecarKey key{"key", "p"};
  hello("p", 0);
  ASSERT_TRUE(core_.command(key, {.id = "c", .deadline_us = kSecond}, 0));
  says("p", protocol::Received{"c"}, 0);
  core_.tick(9 * kSecond);
  core_.take_outgoing();
  hello("p", 9 * kSecond, "b2");
  const auto sent = outgoing<protocol::Command>();
  ASSERT_EQ(sent.size(), 1u) << "its journal says what became of it";
  EXPECT_EQ(sent[0].deadline_us, 0) << "and without one it does not begin it";
  says("p", protocol::Received{"c"}, 9 * kSecond, "b2");
  core_.tick(30 * kSecond);
  core_.tick(4000 * kSecond);
  EXPECT_EQ(said_.back(), "lost c") << "nobody came back to tell";
}

TEST_F(CoreTest, ASidecarThatIsSilentIsLost) {
  hello("p", 0);
  core_.tick(9 * kSecond);
  EXPECT_EQ(core_.attached(), 1u);
  core_.tick(10 * kSecond);
  EXPECT_EQ(core_.attached(), 0u);
  EXPECT_THAT(said_,
              ElementsAre("attached p", "suspected p", "detached p: nothing was heard of it"));
  hello("p", 11 * kSecond);
  EXPECT_EQ(core_.attached(), 1u);
}

TEST_F(CoreTest, ASidecarIsSuspectedOnceEachTimeThatItIsSilent) {
  hello("p", 0);
  core_.tick(5 * kSecond);
  EXPECT_THAT(said_, ElementsAre("attached p"));
  core_.tick(6 * kSecond);
  core_.tick(7 * kSecond);
  says("p", protocol::Heartbeat{}, 8 * kSecond);
  core_.tick(9 * kSecond);
  EXPECT_THAT(said_, ElementsAre("attached p", "suspected p"));
  core_.tick(14 * kSecond);
  EXPECT_THAT(said_, ElementsAre("attached p", "suspected p", "suspected p"));
}

}  // namespace
}  // namespace scanflow::hub
