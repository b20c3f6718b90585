#include "sidecar/link/session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/seconds.hpp"
#include "tests/support/sidecar_link.hpp"

namespace scanflow::link {
namespace {

using protocol::Body;
using protocol::Header;
using test::all_of;
using test::encoded;
using testing::ElementsAre;

class SessionTest : public testing::Test {
 protected:
  /// The hub says this; numbered on.
  void hub_says(Body body, std::int64_t now_us, const std::string& boot = "hub-1") {
    Header header;
    header.pod_uid = "pod";
    header.boot_id = boot;
    header.term = term_;
    header.seq = ++seq_;
    EXPECT_TRUE(session_.receive(encoded(header, std::move(body)), now_us));
  }
  void welcome(std::int64_t now_us, std::uint64_t credit = 100, std::uint32_t window = 4) {
    hub_says(protocol::Welcome{10 * kSecond, 2 * kSecond, kSecond, credit, window}, now_us);
  }
  SessionEvents events() {
    SessionEvents all;
    all.begun = [this](const auto&) { said_.emplace_back("begun"); };
    all.ended = [this] { said_.emplace_back("ended"); };
    all.command = [this](const protocol::Command& each) { said_.push_back("command " + each.id); };
    all.rejected = [this](const std::string& why) { said_.push_back("rejected: " + why); };
    return all;
  }

  std::vector<std::string> said_;
  TelemetryRing ring_{1000, 10};
  test::MemoryOutbox outbox_{"spool"};
  protocol::Hello hello_{.role = "sidecar", .name = "trainer-0"};
  Session session_{{"pod", "boot-1", hello_}, ring_, outbox_, events()};
  std::uint64_t term_ = 7, seq_ = 0;
};

TEST_F(SessionTest, GreetsLessAndLessOftenUntilItIsWelcome) {
  std::int64_t now = 0, last = 0, greatest = 0;
  for (int i = 0; i < 12; ++i) {
    const auto hellos = all_of<protocol::Hello>(session_.poll(now));
    ASSERT_EQ(hellos.size(), 1u);
    EXPECT_EQ(hellos[0].name, "trainer-0");
    EXPECT_TRUE(session_.poll(now).empty()) << "not before it is due";
    last = session_.wake_us() - now;
    greatest = std::max(greatest, last);
    now = session_.wake_us();
  }
  EXPECT_GE(last, 7 * kSecond);
  EXPECT_LE(greatest, 15 * kSecond);
  welcome(now);
  EXPECT_TRUE(session_.open());
  EXPECT_TRUE(all_of<protocol::Hello>(session_.poll(now)).empty());
}

TEST_F(SessionTest, BeatsAndEndsWithItsLease) {
  session_.poll(0);
  welcome(0);
  EXPECT_EQ(session_.wake_us(), 2 * kSecond);
  EXPECT_EQ(all_of<protocol::Heartbeat>(session_.poll(2 * kSecond)).size(), 1u);
  hub_says(protocol::Heartbeat{}, 5 * kSecond);
  session_.poll(14 * kSecond);
  EXPECT_TRUE(session_.open());
  const auto sent = session_.poll(15 * kSecond);
  EXPECT_FALSE(session_.open());
  EXPECT_EQ(all_of<protocol::Hello>(sent).size(), 1u) << "it asks at once for another session";
  EXPECT_THAT(said_, ElementsAre("begun", "ended"));
}

TEST_F(SessionTest, ASessionThatIsReplacedInTimeHasNotEnded) {
  session_.poll(0);
  welcome(0);
  seq_ = 0;
  term_ = 8;
  hub_says(protocol::Welcome{10 * kSecond, 2 * kSecond, kSecond, 5, 4}, kSecond, "hub-2");
  EXPECT_EQ(session_.term(), 8u);
  EXPECT_THAT(said_, ElementsAre("begun", "begun"));
}

TEST_F(SessionTest, AnOlderHubIsNotHeard) {
  session_.poll(0);
  welcome(0);
  term_ = 6;
  hub_says(protocol::Command{.id = "old"}, kSecond);
  hub_says(protocol::Welcome{10 * kSecond, 2 * kSecond, kSecond, 5, 4}, kSecond, "hub-0");
  EXPECT_THAT(said_, ElementsAre("begun"));
  EXPECT_EQ(session_.term(), 7u);
  EXPECT_EQ(session_.ignored(), 2u);
}

TEST_F(SessionTest, ReplayedMessagesCountNothing) {
  session_.poll(0);
  welcome(0, 0);
  hub_says(protocol::Credit{2}, 0);
  --seq_;
  hub_says(protocol::Credit{50}, 0);
  hub_says(protocol::Heartbeat{.credit = 3}, 0);
  const std::uint32_t series = ring_.series("m", "gauge", {});
  for (int i = 0; i < 10; ++i) ring_.add(series, i, i);
  std::size_t sent = 0;
  for (const auto& batch : all_of<protocol::Telemetry>(session_.poll(0)))
    sent += batch.values.size();
  EXPECT_EQ(sent, 3u) << "never more than the credit, which a heartbeat repeats";
  EXPECT_EQ(session_.ignored(), 1u);
}

TEST_F(SessionTest, DeliveriesKeepToTheWindowAndAreSentAgainUntilTheHubHasThem) {
  for (int i = 0; i < 6; ++i) outbox_.add(protocol::Outcome{.id = std::to_string(i)});
  session_.poll(0);
  welcome(0);
  const auto numbers = [&](std::int64_t now_us) {
    std::vector<std::uint64_t> found;
    for (const auto& each : all_of<protocol::Deliver>(session_.poll(now_us)))
      found.push_back(each.number);
    return found;
  };
  EXPECT_THAT(numbers(0), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(numbers(kSecond), ElementsAre());
  hub_says(protocol::Delivered{"another", 6}, kSecond);
  EXPECT_THAT(numbers(kSecond), ElementsAre()) << "of another spool";
  hub_says(protocol::Delivered{"spool", 2}, kSecond);
  EXPECT_THAT(numbers(kSecond), ElementsAre(5, 6));
  hub_says(protocol::Heartbeat{}, 5 * kSecond);
  EXPECT_THAT(numbers(6 * kSecond), ElementsAre(3, 4, 5, 6)) << "nothing was said for 5 s";
  hub_says(protocol::Delivered{"spool", 99}, 6 * kSecond);
  EXPECT_EQ(outbox_.first(), 3u) << "more than there is";
  hub_says(protocol::Delivered{"spool", 6}, 6 * kSecond);
  EXPECT_EQ(outbox_.first(), 7u);
  EXPECT_THAT(numbers(20 * kSecond), ElementsAre());
}

TEST_F(SessionTest, AHubThatDoesNotKnowItIsGreetedAtOnceAndTheLeaseGoesOn) {
  session_.poll(0);
  welcome(0);
  seq_ = 0;
  term_ = 8;
  hub_says(protocol::Goodbye{"this hub knows no such session"}, kSecond, "hub-2");
  const auto sent = session_.poll(kSecond);
  EXPECT_EQ(all_of<protocol::Hello>(sent).size(), 1u);
  EXPECT_EQ(sent.size(), 1u) << "all else would be refused";
  EXPECT_THAT(said_, ElementsAre("begun"));
  session_.poll(10 * kSecond);
  EXPECT_THAT(said_, ElementsAre("begun", "ended"));
}

TEST_F(SessionTest, CommandsAreToldOnceTheyAreInTheJournal) {
  session_.poll(0);
  welcome(0);
  hub_says(protocol::Command{.id = "c1", .primitive = "pause"}, 0);
  EXPECT_THAT(said_, ElementsAre("begun", "command c1"));
  EXPECT_TRUE(all_of<protocol::Received>(session_.poll(0)).empty());
  session_.received("c1");
  const auto told = all_of<protocol::Received>(session_.poll(0));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].id, "c1");
}

TEST_F(SessionTest, RefusedOrMalformedItSaysWhy) {
  session_.poll(0);
  EXPECT_FALSE(session_.receive("not msgpack", 0));
  welcome(0);
  hub_says(protocol::Reject{"another sidecar of this Pod has taken over"}, 0);
  EXPECT_FALSE(session_.open());
  EXPECT_THAT(
      said_, ElementsAre("begun", "ended", "rejected: another sidecar of this Pod has taken over"));
}

TEST_F(SessionTest, LeavesWithAGoodbyeAfterAllElse) {
  session_.poll(0);
  welcome(0);
  outbox_.add(protocol::Outcome{.id = "last"});
  session_.leave("SIGTERM");
  const auto sent = session_.poll(0);
  ASSERT_GE(sent.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<protocol::Deliver>(test::decoded(sent[0]).body));
  EXPECT_TRUE(std::holds_alternative<protocol::Goodbye>(test::decoded(sent.back()).body));
  EXPECT_TRUE(session_.poll(100 * kSecond).empty());
}

}  // namespace
}  // namespace scanflow::link
