// Hundreds of sidecars, a network that does what it likes, hubs that are killed: what is promised
// holds. SCANFLOW_SOAK: how many sidecars (1,000 with `ctest -C slow -L slow`); SCANFLOW_SOAK_SECONDS:
// for how long it is rough; SCANFLOW_SEED.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>

#include <cstdlib>
#include <functional>

#include "engine/hub/connections.hpp"
#include "sdk/base/clock.hpp"
#include "tests/soak/fleet.hpp"
#include "tests/soak/owner.hpp"
#include "tests/soak/proxy.hpp"
#include "tests/support/keys.hpp"

namespace scanflow::test {
namespace {

std::size_t chosen(const char* name, std::size_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

using test::Keys;

class Soak : public testing::Test {
 protected:
  static constexpr std::int64_t kSettleUs = 60'000'000, kSettleOfEachUs = 120'000, kTurnMs = 10;
  static constexpr std::size_t kFleets = 2;

  Soak() {
    context_.set(zmq::ctxopt::max_sockets, static_cast<int>(sidecars_ + 100));
    owner_ = std::make_unique<Owner>(seed_, hub_keys_.secret, keys_.open);
    proxy_ = std::make_unique<Proxy>(seed_ + 1);
  }

  void begin() {
    proxy_->lead_to(owner_->begin_hub());
    proxy_->be_rough(true);
    const link::DealerOptions options{fmt::format("tcp://127.0.0.1:{}", proxy_->port()),
                                      hub_keys_.open, keys_.open, keys_.secret};
    for (std::size_t i = 0; i < kFleets; ++i) {
      const std::size_t first = sidecars_ * i / kFleets, end = sidecars_ * (i + 1) / kFleets;
      fleets_.push_back(std::make_unique<Fleet>(context_, options, first, end - first,
                                                seed_ + 2 + static_cast<std::uint32_t>(i)));
    }
  }
  void rough(std::int64_t us) {
    const std::int64_t end_us = monotonic_us() + us;
    std::int64_t kill_us = monotonic_us() + us / 4;
    while (monotonic_us() < end_us) {
      for (std::size_t i = 0; i < sidecars_ / 100 + 1; ++i)
        owner_->order(fmt::format("pod-{}", random_() % sidecars_),
                      200'000 + random_() % 15'000'000);
      owner_->commit(false);
      if (random_() % 300 == 0) owner_->stall_hub(200'000 + random_() % 2'000'000);
      if (monotonic_us() >= kill_us) {
        proxy_->lead_to(0);
        owner_->kill_hub();
        ::poll(nullptr, 0, static_cast<int>(random_() % 1000));  // so long there is none
        proxy_->lead_to(owner_->begin_hub());
        kill_us = monotonic_us() + us / 8 + random_() % (us / 4);
      }
      ::poll(nullptr, 0, kTurnMs);
    }
  }
  std::size_t settled() const {
    std::size_t sum = 0;
    for (const auto& fleet : fleets_) sum += fleet->settled();
    return sum;
  }
  /// The world is kind: all that waits comes to its end.
  bool settles() {
    proxy_->be_rough(false);
    for (const auto& fleet : fleets_) fleet->be_rough(false);
    const std::int64_t end_us =
        monotonic_us() + kSettleUs + static_cast<std::int64_t>(sidecars_) * kSettleOfEachUs;
    while (settled() < sidecars_ || !owner_->all_commands_ended() || !accounts_settled()) {
      if (monotonic_us() > end_us) return false;
      owner_->commit(true);
      ::poll(nullptr, 0, kTurnMs);
    }
    return true;
  }
  bool accounts_settled() {
    for (std::size_t i = 0; i < sidecars_; ++i) {
      // One that has nothing to say may not have found the last hub yet.
      if (const auto account = owner_->account(fmt::format("pod-{}", i));
          !account || account->pending() != 0)
        return false;
    }
    return true;
  }

  void expect_account(const Fleet::Pod& pod) {
    const protocol::Account& said = pod.ring->account();
    const auto known = owner_->account(pod.name);
    ASSERT_TRUE(known) << "no hub knows it";
    const hub::TelemetryAccount& account = *known;
    EXPECT_EQ(account.sent(), said.sent);
    EXPECT_EQ(account.produced(),
              account.received() + account.dropped() + account.lost() + account.pending());
    const std::uint64_t before = said.produced - account.produced();  // this hub
    EXPECT_EQ(before + account.received() + account.lost() + account.dropped(), said.produced);
    const auto found = owner_->samples().find(fmt::format("{}/boot-{}", pod.name, pod.boots));
    EXPECT_EQ(account.received(), found == owner_->samples().end() ? 0 : found->second.here);
  }
  void expect_pod(const Fleet::Pod& pod) {
    const auto stored = owner_->stored().find(pod.name);
    const Owner::Stored none, &have = stored == owner_->stored().end() ? none : stored->second;
    EXPECT_EQ(have.last + 1, pod.outbox.end()) << "not all was delivered";
    EXPECT_EQ(have.metrics, pod.logged);
  }
  void expect_commands() {
    std::map<std::string, const Fleet::Pod*> pods;
    for (const auto& fleet : fleets_)
      for (const auto& pod : fleet->pods()) pods[pod->name] = pod.get();
    for (const auto& [id, command] : owner_->commands()) {
      ASSERT_EQ(command.outcomes.size(), 1u) << id << " of " << command.pod;
      const std::string& outcome = *command.outcomes.begin();
      const auto& executed = pods.at(command.pod)->executed;
      const int times = executed.contains(id) ? executed.at(id) : 0;
      ASSERT_EQ(times, outcome == "DONE" || outcome == "INDETERMINATE" ? 1 : 0) << id << outcome;
      ++outcomes_[outcome];
    }
  }

  const std::size_t sidecars_ = chosen("SCANFLOW_SOAK", 60);
  const std::size_t seconds_ = chosen("SCANFLOW_SOAK_SECONDS", 6);
  const std::uint32_t seed_ =
      static_cast<std::uint32_t>(chosen("SCANFLOW_SEED", static_cast<std::size_t>(wall_us())));
  std::mt19937 random_{seed_};
  const Keys hub_keys_, keys_;
  zmq::context_t context_;
  std::map<std::string, int> outcomes_;
  std::unique_ptr<Owner> owner_;
  std::unique_ptr<Proxy> proxy_;
  std::vector<std::unique_ptr<Fleet>> fleets_;
};

TEST_F(Soak, WhatIsPromisedHoldsOverABadNetwork) {
  SCOPED_TRACE(fmt::format("SCANFLOW_SOAK={} SCANFLOW_SOAK_SECONDS={} SCANFLOW_SEED={}", sidecars_,
                           seconds_, seed_));
  // A descriptor or two of each socket, two of the proxy, one of the hub.
  ASSERT_EQ(hub::raise_file_limit(6 * sidecars_), "");
  begin();
  rough(static_cast<std::int64_t>(seconds_) * 1'000'000);
  ASSERT_TRUE(settles()) << settled()
                         << " of the sidecars have nothing left to say. Odd: " << owner_->odd();
  for (const auto& fleet : fleets_) fleet->stop();
  for (const auto& fleet : fleets_) {
    for (const auto& pod : fleet->pods()) {
      SCOPED_TRACE(pod->name);
      expect_account(*pod);
    }
  }
  owner_->kill_hub();
  for (const auto& fleet : fleets_)
    for (const auto& pod : fleet->pods()) expect_pod(*pod);
  expect_commands();
  EXPECT_EQ(owner_->broken(), std::vector<std::string>());
  EXPECT_GT(owner_->hubs(), 1u) << "no hub was killed";
  EXPECT_GT(proxy_->cuts(), 0u) << "the network was too kind";
  EXPECT_GT(outcomes_["DONE"], 50);
  std::string all;
  for (const auto& [outcome, times] : outcomes_) all += fmt::format("{} {}, ", times, outcome);
  fmt::print("{} sidecars, {} hubs, {} cuts; {}seed {}\n", sidecars_, owner_->hubs(),
             proxy_->cuts(), all, seed_);
}

}  // namespace
}  // namespace scanflow::test
