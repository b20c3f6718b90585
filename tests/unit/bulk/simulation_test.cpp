// A sidecar and a hub that move files over a way that loses, repeats, delays and breaks, and hubs and
// sidecars that are replaced: all arrives, to the byte, whatever happens.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <random>
#include <set>

#include "sidecar/bulk/client.hpp"
#include "sidecar/bulk/sodium_hasher.hpp"
#include "tests/support/bulk_store.hpp"

namespace scanflow::hub {
namespace {

constexpr std::int64_t kStepUs = 10'000;

class World {
 public:
  explicit World(std::uint32_t seed) : random_(seed) {
    begin_hub();
    for (std::size_t i = 0; i < 6; ++i) {
      // Empty, small, whole windows, and odd ends.
      const std::size_t bytes[] = {0, 5, 300'000, 2u << 20, 3'000'001, 700'000};
      const std::string content = noise(bytes[i], static_cast<std::uint32_t>(seed + i));
      wanted_.emplace_back(store_.put(content), content);
      brought_[fmt::format("artifact-{}", i)] =
          noise(bytes[i], static_cast<std::uint32_t>(std::size_t{seed} * 31 + i));
    }
    for (const auto& [name, content] : brought_) test::write(files_ / ("pod/" + name), content);
    test::write(files_ / "pod/log", "before this attempt\n");
    begin_sidecar();
  }

  void step(bool rough) {
    now_us_ += kStepUs;
    if (rough && one_in(60)) begin_hub();
    if (rough && one_in(120)) begin_sidecar();
    if (rough && one_in(40)) ++connection_;  // what is under way is lost
    if (rough && log_.size() < 2'000'000) write_log(noise(random_() % 40'000, random_()));
    for (std::string& bytes : client_->poll(now_us_)) push(up_, std::move(bytes), rough);
    deliver(up_, [&](const std::string& bytes) {
      bulk_->receive({fmt::format("route-{}", connection_), "user"}, bytes, now_us_);
    });
    for (int i = 0; i < 4 && bulk_->pump(); ++i) {
    }
    bulk_->tick(now_us_);
    for (Outgoing& each : bulk_->take_outgoing()) push(down_, std::move(each.bytes), rough);
    deliver(down_,
            [&](const std::string& bytes) { EXPECT_TRUE(client_->receive(bytes, now_us_)); });
  }

  bool done() const { return fetched_ == wanted_.size() && stored_ == brought_.size() && logged_; }
  void end_log() {
    ended_ = true;
    client_->end_log(log_number_, log_.size());
  }
  void expect_all_is_there() {
    for (const auto& [sha256, content] : wanted_)
      EXPECT_TRUE(test::read(files_ / ("pod/" + sha256)) == content) << content.size();
    for (const auto& [name, content] : brought_)
      EXPECT_TRUE(store_.content(name) == content) << name << ' ' << content.size();
    EXPECT_TRUE(store_.log("log") == log_);
    EXPECT_TRUE(client_->idle());
    for (int i = 0; i < 3200; ++i) step(false);  // what was told of a transfer that is over
    EXPECT_EQ(bulk_->transfers(), 0u);
  }

 private:
  struct Way {
    std::int64_t at_us;
    int connection;
    std::string bytes;
  };

  bool one_in(std::uint32_t times) { return random_() % times == 0; }
  void push(std::deque<Way>& way, std::string bytes, bool rough) {
    if (rough && one_in(50)) return;
    if (rough && one_in(50)) way.push_back({now_us_, connection_, bytes});
    const std::int64_t delay_us = rough && one_in(20) ? 100'000 : 0;
    const std::int64_t after = way.empty() ? 0 : way.back().at_us;
    way.push_back({std::max(now_us_ + delay_us, after), connection_, std::move(bytes)});
  }
  template <typename Take>
  void deliver(std::deque<Way>& way, Take take) {
    while (!way.empty() && way.front().at_us <= now_us_) {
      const Way each = std::move(way.front());
      way.pop_front();
      if (each.connection == connection_) take(each.bytes);
    }
  }
  void write_log(const std::string& text) {
    log_ += text;
    std::ofstream(files_ / "pod/log", std::ios::binary | std::ios::app) << text;
  }

  void begin_hub() {
    ++connection_;
    bulk_ = std::make_unique<Bulk>("hub", 1, BulkLimits{.active = 2}, store_.access(),
                                   [](const std::string& what) { ADD_FAILURE() << what; });
  }
  /// It does anew whatever its owner does not know to be done.
  void begin_sidecar() {
    ++connection_;
    client_ = std::make_unique<bulk::Client>(
        bulk::Client::Identity{"pod", fmt::format("boot-{}", connection_)}, bulk::sodium_hasher);
    for (const auto& [sha256, content] : wanted_) {
      if (has_.contains(sha256)) continue;
      client_->fetch("file", sha256, files_ / ("pod/" + sha256), [this, key = sha256](auto how) {
        ASSERT_TRUE(how) << how.error().message;
        has_.insert(key);
        ++fetched_;
      });
    }
    for (const auto& [name, content] : brought_) {
      if (has_.contains(name)) continue;
      client_->store({"r", "train", 1}, "file", name, files_ / ("pod/" + name),
                     [this, key = name](auto how) {
                       ASSERT_TRUE(how) << how.error().message;
                       EXPECT_EQ(*how, sha256_hex(brought_[key]));
                       has_.insert(key);
                       ++stored_;
                     });
    }
    if (logged_) return;
    log_number_ = client_->store_log({"r", "train", 1}, "log", files_ / "pod/log",
                                     std::string("before this attempt\n").size(),
                                     [this](auto how) { logged_ = how.has_value(); });
    if (ended_) client_->end_log(log_number_, log_.size());
  }

  std::mt19937 random_;
  test::TempDir files_;
  TestStore store_{files_};
  std::int64_t now_us_ = 0;
  int connection_ = 0;
  std::unique_ptr<Bulk> bulk_;
  std::unique_ptr<bulk::Client> client_;
  std::deque<Way> up_, down_;
  std::vector<std::pair<std::string, std::string>> wanted_;
  std::map<std::string, std::string> brought_;
  std::set<std::string> has_;
  std::size_t fetched_ = 0, stored_ = 0;
  std::string log_;
  bulk::Client::Number log_number_ = 0;
  bool ended_ = false, logged_ = false;
};

TEST(BulkSimulation, AllArrivesToTheByteWhateverBreaks) {
  for (std::uint32_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    for (int i = 0; i < 600; ++i) world.step(true);
    world.end_log();
    for (int i = 0; i < 10'000 && !world.done(); ++i) world.step(i < 200);
    ASSERT_TRUE(world.done());
    world.expect_all_is_there();
  }
}

}  // namespace
}  // namespace scanflow::hub
