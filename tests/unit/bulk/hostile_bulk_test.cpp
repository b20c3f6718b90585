// Sidecars that lie: the hub takes no harm, and no more of its memory than they were allowed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/bulk_store.hpp"
#include "tests/support/sidecar_link.hpp"

namespace scanflow::hub {
namespace {

using testing::Contains;
using testing::HasSubstr;

class HostileBulk : public testing::Test {
 protected:
  void say(protocol::Body body, const std::string& pod = "pod") {
    bulk_.receive({"route", "user"}, test::encoded({.pod_uid = pod}, std::move(body)), 0);
  }
  std::vector<std::string> answers() {
    std::vector<std::string> all;
    for (Outgoing& each : bulk_.take_outgoing()) all.push_back(std::move(each.bytes));
    return all;
  }
  std::string refusal() {
    const auto all = test::all_of<protocol::Refused>(answers());
    return all.empty() ? "nothing was refused" : all.back().reason;
  }
  protocol::Store offer(std::uint64_t transfer, std::uint64_t bytes) {
    return {transfer, {"r", "train", 1}, "file", "x" + std::to_string(transfer), bytes, ""};
  }

  test::TempDir files_;
  TestStore store_{files_};
  std::vector<std::string> odd_;
  Bulk bulk_{
      "hub", 3, {.active = 2, .waiting = 5}, store_.access(), [this](const std::string& what) {
        odd_.push_back(what);
      }};
};

TEST_F(HostileBulk, MorePiecesThanAllowedEndTheTransfer) {
  say(offer(1, 10u << 20));
  say(protocol::Chunk{1, 2u << 20, 10u << 20, {"x"}});
  EXPECT_THAT(refusal(), HasSubstr("more than was allowed"));
  EXPECT_THAT(odd_, Contains(HasSubstr("over what was allowed")));
  EXPECT_EQ(bulk_.transfers(), 0u);
}

TEST_F(HostileBulk, MoreThanWasSaidEndsTheTransfer) {
  say(offer(1, 3));
  say(protocol::Chunk{1, 0, 3, {"four"}});
  EXPECT_THAT(refusal(), HasSubstr("more than was allowed"));
}

TEST_F(HostileBulk, ALogEndsWhereItsLimitIs) {
  store_.most = 10;
  say(protocol::Store{1, {"r", "train", 1}, "log", "log", 0, ""});
  say(protocol::Chunk{1, 0, 0, {"ten bytes."}});
  EXPECT_EQ(refusal(), "nothing was refused");
  say(protocol::Chunk{1, 10, 0, {"!"}});
  EXPECT_THAT(refusal(), HasSubstr("more than was allowed"));
}

TEST_F(HostileBulk, AnOffsetThatOverflowsIsNoWayAroundIt) {
  say(offer(1, ~std::uint64_t{0}));
  say(protocol::Chunk{1, ~std::uint64_t{0} - 1, 0, {"four"}});
  say(protocol::Fetch{2, "file", store_.put("hello"), ~std::uint64_t{0}, ~std::uint64_t{0}});
  while (bulk_.pump()) {
  }
  for (const protocol::Chunk& each : test::all_of<protocol::Chunk>(answers()))
    EXPECT_EQ(each.data.data, "");
  EXPECT_EQ(std::filesystem::file_size(files_ / "came/x1"), 0u);
}

TEST_F(HostileBulk, ADigestThatIsNotTheFilesIsRefusedAndTheFileIsGone) {
  say(offer(1, 5));
  say(protocol::Chunk{1, 0, 5, {"hello"}});
  say(protocol::Sealed{1, 5, sha256_hex("jello")});
  EXPECT_THAT(refusal(), HasSubstr("what came has the digest " + sha256_hex("hello")));
  EXPECT_FALSE(std::filesystem::exists(files_ / "came/x1"));
  EXPECT_TRUE(store_.brought.empty());
}

TEST_F(HostileBulk, NobodySpeaksForAnotherPod) {
  say(offer(1, 5));
  say(protocol::Chunk{1, 0, 5, {"hello"}}, "another");
  EXPECT_THAT(refusal(), HasSubstr("not known"));
  EXPECT_EQ(std::filesystem::file_size(files_ / "came/x1"), 0u);
}

TEST_F(HostileBulk, ManyTransfersWaitAndEvenMoreAreRefused) {
  for (std::uint64_t i = 1; i <= 6; ++i) say(offer(i, 1u << 20));
  std::vector<std::uint64_t> granted;
  const auto said = answers();
  for (const protocol::Resume& each : test::all_of<protocol::Resume>(said))
    granted.push_back(each.allowed);
  EXPECT_THAT(granted, testing::ElementsAre(2u << 20, 2u << 20, 0, 0, 0));
  ASSERT_EQ(test::all_of<protocol::Refused>(said).size(), 1u);
  EXPECT_TRUE(test::all_of<protocol::Refused>(said)[0].again);
  say(protocol::Refused{1, "nobody wants it", false});
  const auto next = test::all_of<protocol::Grant>(answers());
  ASSERT_EQ(next.size(), 1u) << "the next one has its turn";
  EXPECT_EQ(next[0].transfer, 3u);
}

TEST_F(HostileBulk, OnePodThatTakesNothingHoldsNobodyElseUp) {
  const std::string big = store_.put(noise(4u << 20, 1)), small = store_.put("hello");
  Bulk bulk("hub", 3, {.active = 2, .of_one = 1}, store_.access(), [](const std::string&) {});
  const auto fetch = [&](const std::string& pod, std::uint64_t transfer, const std::string& what) {
    bulk.receive(
        {"route-" + pod, "user"},
        test::encoded({.pod_uid = pod}, protocol::Fetch{transfer, "file", what, 0, 2u << 20}), 0);
  };
  fetch("greedy", 1, big);
  fetch("greedy", 2, big);
  while (bulk.pump()) {
  }
  EXPECT_EQ(bulk.transfers(), 1u) << "its second one is refused, and may come again";
  (void)bulk.take_outgoing();
  fetch("modest", 1, small);
  while (bulk.pump()) {
  }
  std::vector<std::string> said;
  for (Outgoing& each : bulk.take_outgoing()) said.push_back(std::move(each.bytes));
  ASSERT_EQ(test::all_of<protocol::Chunk>(said).size(), 1u);
  EXPECT_EQ(test::all_of<protocol::Chunk>(said)[0].data.data, "hello");
}

TEST_F(HostileBulk, NonsenseIsCounted) {
  bulk_.receive({"route", "user"}, "nonsense", 0);
  say(protocol::Heartbeat{});
  say(protocol::Grant{77, 1, 2});
  EXPECT_THAT(odd_, Contains(HasSubstr("malformed")));
  EXPECT_THAT(odd_, Contains(HasSubstr("none of bulk's")));
  EXPECT_EQ(bulk_.transfers(), 0u);
}

}  // namespace
}  // namespace scanflow::hub
