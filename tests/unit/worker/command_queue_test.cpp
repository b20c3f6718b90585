#include "engine/worker/command_queue.hpp"

#include <gtest/gtest.h>

#include <future>
#include <vector>

namespace scanflow::worker {
namespace {

using protocol::StepAnswer;
using protocol::StepCommand;

StepCommand command(std::uint64_t call, const std::string& name = "turn") {
  return {{"run", "step", 1}, call, name, "{}"};
}

class CommandQueueTest : public testing::Test {
 protected:
  StepAnswer execute(const StepCommand& asked) {
    if (asked.name == "slow") {
      begun.set_value();
      go_on.get_future().wait();
    }
    return {asked.id, asked.call, "DONE", "{}"};
  }
  std::promise<void> begun;
  std::promise<void> go_on;
  std::vector<StepAnswer> answers;  // complete once the queue is closed
  CommandQueue queue{[this](const StepCommand& asked) { return execute(asked); },
                     [this](StepAnswer answer) { answers.push_back(std::move(answer)); }};
};

TEST_F(CommandQueueTest, OneAfterTheOtherOnceTheStepIsThere) {
  queue.add(command(1));
  queue.add(command(2, "slow"));
  queue.open();
  begun.get_future().wait();
  EXPECT_EQ(answers.size(), 1U);
  go_on.set_value();
  queue.close();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].call, 1U);
  EXPECT_EQ(answers[1].outcome, "DONE");
}

TEST_F(CommandQueueTest, WhatWaitsWhenTheStepEndsIsRefused) {
  queue.open();
  queue.add(command(1, "slow"));
  begun.get_future().wait();
  queue.add(command(2));
  std::thread closer([this] { queue.close(); });
  go_on.set_value();
  closer.join();
  queue.add(command(3));
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_EQ(answers[0].outcome, "DONE");
  EXPECT_EQ(answers[2].outcome, "FAILED");
  EXPECT_EQ(answers[2].value, R"({"message":"the step has ended"})");
}

TEST_F(CommandQueueTest, HoldsSoMany) {
  for (std::size_t i = 1; i <= CommandQueue::kMaxWaiting; ++i) queue.add(command(i));
  EXPECT_TRUE(answers.empty());
  queue.add(command(1000));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].call, 1000U);
  EXPECT_EQ(answers[0].value, R"({"message":"64 commands wait for the step already"})");
  queue.close();
  EXPECT_EQ(answers.size(), CommandQueue::kMaxWaiting + 1);
}

}  // namespace
}  // namespace scanflow::worker
