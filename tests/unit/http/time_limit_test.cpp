#include "engine/http/time_limit.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <optional>

namespace scanflow::http {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using Clock = TimeLimit::Clock;

class TimeLimitTest : public testing::Test {
 protected:
  boost::asio::io_context io_;
  int calls_ = 0;
  std::optional<TimeLimit> limit_{std::in_place, io_.get_executor(), [this] { ++calls_; }};
};

TEST_F(TimeLimitTest, CallsOnceWhenItIsTimeAndNotBefore) {
  const auto due = Clock::now() + milliseconds(5);
  limit_->at(due);
  io_.run();
  EXPECT_EQ(calls_, 1);
  EXPECT_GE(Clock::now(), due);
}

TEST_F(TimeLimitTest, OneThatMovesOnIsNotOverAtTheFirstTime) {
  limit_->after(milliseconds(1));
  const auto due = Clock::now() + milliseconds(10);
  limit_->at(due);
  io_.run();
  EXPECT_EQ(calls_, 1);
  EXPECT_GE(Clock::now(), due);
}

TEST_F(TimeLimitTest, ASoonerOneIsKeptAndTheLaterOneForgotten) {
  limit_->after(hours(1));
  limit_->after(milliseconds(1));
  io_.run();  // would last an hour
  EXPECT_EQ(calls_, 1);
}

TEST_F(TimeLimitTest, IsSetAgainAfterItWasOver) {
  for (int i = 1; i <= 2; ++i) {
    limit_->after(milliseconds(1));
    io_.run();
    io_.restart();
    EXPECT_EQ(calls_, i);
  }
}

TEST_F(TimeLimitTest, WhereThereIsNoneNobodyIsCalled) {
  limit_->after(milliseconds(1));
  limit_->none();
  EXPECT_FALSE(limit_->is_set());
  io_.run();
  EXPECT_EQ(calls_, 0);
}

TEST_F(TimeLimitTest, OneThatIsStoppedOrGoneKeepsNobodyWaiting) {
  limit_->after(hours(1));
  limit_->stop();
  io_.run();
  io_.restart();
  limit_->after(hours(1));
  limit_.reset();
  io_.run();
  EXPECT_EQ(calls_, 0);
}

}  // namespace
}  // namespace scanflow::http
