#include "engine/runtime/engine_socket.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/temp_dir.hpp"

namespace scanflow::runtime {
namespace {

using namespace std::chrono_literals;

class EngineSocketTest : public testing::Test {
 protected:
  std::unique_ptr<EngineSocket> serve(std::unique_ptr<store::Store> store = nullptr) {
    EngineOptions options;
    options.state = state_;
    options.store = std::move(store);
    options.jobs = 4;
    auto served = EngineSocket::serve(std::make_unique<Engine>(std::move(options)), state_);
    if (!served) throw std::runtime_error(served.error().message);
    return std::move(*served);
  }

  /// Connects and asks for a run of `steps` noops.
  std::unique_ptr<EngineClient> submit(std::shared_ptr<UpdateQueue> queue, const std::string& run,
                                       int steps) {
    json values = json::array();
    for (int i = 0; i < steps; ++i) values.push_back(i);
    Submission submission;
    submission.run = run;
    submission.file = "p.yaml";
    submission.source =
        "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nsteps:\n"
        "  - {name: a, uses: noop, timeout: 1h, matrix: {i: " +
        values.dump() + "}}\n";
    submission.options.backend = "inproc";
    submission.options.jobs = 4;
    submission.options.directory = files_.path().string();
    auto client = EngineClient::connect(state_, std::move(queue));
    if (!client) throw std::runtime_error(client.error().message);
    const auto sent = (*client)->send({{"op", "submit"}, {"submission", to_json(submission)}});
    if (!sent) throw std::runtime_error(sent.error().message);
    return std::move(*client);
  }

  /// The first update of one of these types, or nothing within some seconds.
  static json wait_for(UpdateQueue& queue, const std::vector<std::string>& types) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (std::chrono::steady_clock::now() < deadline) {
      const auto update = queue.pop(20ms);
      if (update && std::find(types.begin(), types.end(), update->at("type")) != types.end())
        return *update;
    }
    return {};
  }

  test::TempDir files_;
  StateDirectory state_{files_.path(), files_.path()};
};

TEST_F(EngineSocketTest, RunsWhatIsSubmittedAndTellsHowItEnds) {
  const auto served = serve();
  const auto queue = std::make_shared<UpdateQueue>();
  const auto client = submit(queue, "0193f2c1-0000-7000-8000-000000000001", 3);
  const json finished = wait_for(*queue, {"finished", "rejected", "closing"});
  ASSERT_EQ(finished.value("type", ""), "finished") << finished;
  EXPECT_EQ(finished["result"]["status"], "succeeded");
}

TEST_F(EngineSocketTest, UnknownRequestsAreRefusedAndTheConnectionStays) {
  const auto served = serve();
  const auto queue = std::make_shared<UpdateQueue>();
  const auto client = EngineClient::connect(state_, queue);
  ASSERT_TRUE(client) << client.error().message;
  for (const json& request : {json({{"op", "dance"}}), json::array(), json({{"op", "attach"}})}) {
    ASSERT_TRUE((*client)->send(request));
    EXPECT_EQ(wait_for(*queue, {"rejected", "closing"}).value("exit", 0), 2) << request;
  }
}

TEST_F(EngineSocketTest, ARunThatHasEndedBeforeItsSecondSubmissionIsReadIsNotBegunAgain) {
  auto store = store::Store::open(files_.path(), {});
  ASSERT_TRUE(store) << store.error().message;
  const auto served = serve(std::move(*store));
  const auto first = std::make_shared<UpdateQueue>(), second = std::make_shared<UpdateQueue>();
  const std::string id = "0193f2c1-0000-7000-8000-000000000001";
  const auto slow = submit(first, id, 20'000);
  const auto fast = submit(second, id, 3);
  for (const auto& queue : {second, first}) {
    const json finished = wait_for(*queue, {"finished", "rejected", "closing"});
    ASSERT_EQ(finished.value("type", ""), "finished") << finished;
    EXPECT_EQ(finished["result"]["steps"].size(), 3u);
  }
}

// Its sessions are asked to send by the engine's strand until the engine's last breath.
TEST_F(EngineSocketTest, EndsWhileTheEngineStillTellsItsClients) {
  for (int round = 0; round < 30; ++round) {
    auto served = serve();
    std::vector<std::shared_ptr<UpdateQueue>> queues;
    std::vector<std::unique_ptr<EngineClient>> clients;
    for (int i = 0; i < 4; ++i) {
      queues.push_back(std::make_shared<UpdateQueue>());
      clients.push_back(
          submit(queues.back(), "0193f2c1-0000-7000-8000-00000000000" + std::to_string(i), 500));
    }
    const json first = wait_for(*queues[0], {"event", "finished", "rejected"});
    ASSERT_NE(first.value("type", "rejected"), "rejected") << first;
    served.reset();
    for (const auto& queue : queues)
      ASSERT_FALSE(wait_for(*queue, {"finished", "closing"}).is_null()) << "round " << round;
  }
}

// What was asked for while it ended is for the next engine: nothing of it is begun, and no timer of
// its steps keeps this one alive.
TEST_F(EngineSocketTest, EndsWhileARunIsBeingPrepared) {
  for (int round = 0; round < 100; ++round) {
    auto served = serve();
    const auto queue = std::make_shared<UpdateQueue>();
    const auto client = submit(queue, "0193f2c1-0000-7000-8000-000000000000", 20);
    // Another instant each.
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(round * 20);
    while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
    served.reset();
    ASSERT_FALSE(wait_for(*queue, {"finished", "closing"}).is_null()) << "round " << round;
  }
}

TEST_F(EngineSocketTest, EndsWhileClientsArrive) {
  for (int round = 0; round < 30; ++round) {
    auto served = serve();
    const auto queue = std::make_shared<UpdateQueue>();
    const auto client = submit(queue, "0193f2c1-0000-7000-8000-000000000000", 200);
    std::jthread arriving([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const auto late = EngineClient::connect(state_, std::make_shared<UpdateQueue>());
        if (late) (void)(*late)->send({{"op", "cancel"}, {"run", "x"}});
      }
    });
    ASSERT_NE(wait_for(*queue, {"event", "rejected"}).value("type", ""), "rejected");
    served.reset();
  }
}

}  // namespace
}  // namespace scanflow::runtime
