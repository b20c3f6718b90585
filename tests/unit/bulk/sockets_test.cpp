// Bulk over real sockets: a Unix socket, and TCP with CURVE; a hub that is killed in the middle.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "engine/hub/hub.hpp"
#include "sdk/base/clock.hpp"
#include "sidecar/bulk/client.hpp"
#include "sidecar/bulk/sodium_hasher.hpp"
#include "sidecar/link/dealer.hpp"
#include "tests/support/bulk_store.hpp"
#include "tests/support/keys.hpp"

namespace scanflow::hub {
namespace {

using namespace std::chrono_literals;

using test::Keys;

class BulkSockets : public testing::Test {
 protected:
  std::unique_ptr<Hub> start(HubOptions options) {
    options.boot_id = "hub";
    options.term = 1;
    options.bulk = store_.access();
    auto started = Hub::start(std::move(options), {});
    if (!started) throw std::runtime_error(started.error().message);
    return std::move(*started);
  }
  bool until(link::Dealer& dealer, const std::function<bool()>& condition) {
    const std::int64_t deadline_us = monotonic_us() + 30'000'000;
    while (!condition()) {
      if (monotonic_us() > deadline_us) return false;
      const std::int64_t now_us = monotonic_us();
      const std::int64_t wait_us = std::min<std::int64_t>(client_.wake_us(now_us) - now_us, 50'000);
      zmq::pollitem_t item{dealer.socket().handle(), 0, ZMQ_POLLIN, 0};
      zmq::poll(&item, 1, std::chrono::milliseconds(std::max<std::int64_t>(wait_us / 1000, 0)));
      dealer.exchange(client_, monotonic_us());
    }
    return true;
  }
  bulk::Client::Done note() {
    return [this](Result<std::string> how) { said_.push_back(how ? *how : how.error().message); };
  }

  test::TempDir files_;
  TestStore store_{files_};
  zmq::context_t context_;
  bulk::Client client_{{"pod", "boot"}, bulk::sodium_hasher};
  std::vector<std::string> said_;
};

TEST_F(BulkSockets, FetchesAndStoresOverAUnixSocket) {
  HubOptions options;
  options.bulk_ipc = files_ / "bulk.sock";
  const auto hub = start(options);
  auto dealer = *link::Dealer::open(context_, {.endpoint = "ipc://" + options.bulk_ipc});
  const std::string content = noise(5'000'001, 1);
  client_.fetch("file", store_.put(content), files_ / "fetched", note());
  client_.store({"r", "train", 1}, "file", "x", files_.write("pod/x", noise(5'000'001, 2)), note());
  ASSERT_TRUE(until(dealer, [&] { return said_.size() == 2; }));
  EXPECT_TRUE(test::read(files_ / "fetched") == content);
  EXPECT_TRUE(store_.content("x") == noise(5'000'001, 2));
}

TEST_F(BulkSockets, GoesOnWhereItWasWithAnotherHubOverCurve) {
  const Keys hub_keys, keys;
  HubOptions options;
  options.network.tcp = options.network.bulk_tcp = "tcp://127.0.0.1:*";
  options.network.secret_key = hub_keys.secret;
  options.network.user_of = [&](const std::string& key) {
    return key == keys.open ? "pod-key" : "";
  };
  auto hub = start(options);
  options.network.bulk_tcp = hub->bulk_tcp();
  auto dealer =
      *link::Dealer::open(context_, {hub->bulk_tcp(), hub_keys.open, keys.open, keys.secret});
  const std::string up = noise(24u << 20, 2), down = noise(24u << 20, 3);
  client_.store({"r", "train", 1}, "file", "x", files_.write("pod/x", up), note());
  client_.fetch("file", store_.put(down), files_ / "fetched", note());
  const auto came = [&](const char* name) {
    std::error_code none;
    const auto bytes = std::filesystem::file_size(files_ / name, none);
    return none ? 0 : bytes;
  };
  // In the middle of both; where one is faster than the other, of the slower one.
  ASSERT_TRUE(until(dealer, [&] {
    return !said_.empty() || (came("came/x") > (6u << 20) && came("fetched.part2") > (6u << 20));
  }));
  hub.reset();
  hub = start(options);
  ASSERT_TRUE(until(dealer, [&] { return said_.size() == 2; }));
  EXPECT_TRUE(store_.content("x") == up);
  EXPECT_TRUE(test::read(files_ / "fetched") == down);
}

TEST_F(BulkSockets, AStrangerGetsNothing) {
  const Keys hub_keys, keys;
  HubOptions options;
  options.network.tcp = options.network.bulk_tcp = "tcp://127.0.0.1:*";
  options.network.secret_key = hub_keys.secret;
  options.network.user_of = [](const std::string&) { return ""; };
  const auto hub = start(options);
  auto dealer =
      *link::Dealer::open(context_, {hub->bulk_tcp(), hub_keys.open, keys.open, keys.secret});
  client_.fetch("file", store_.put("secret"), files_ / "fetched", note());
  const std::int64_t until_us = monotonic_us() + 400'000;
  ASSERT_TRUE(until(dealer, [&] { return monotonic_us() > until_us; }));
  EXPECT_THAT(said_, testing::IsEmpty());
}

}  // namespace
}  // namespace scanflow::hub
