// A service with models of the test's own and a clock that the test moves.
#include "engine/infer/service.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <future>
#include <thread>

#include "tests/unit/infer/tensors.hpp"

namespace scanflow::infer {
namespace {

using test::floats;
using test::values;
using testing::HasSubstr;

/// What is posted waits until the test runs it.
class ByHand : public Runner {
 public:
  void post(std::function<void()> work) override { posted.push_back(std::move(work)); }
  void apart(std::function<void()> work) override { waiting.push_back(std::move(work)); }
  void at(std::int64_t time_us, std::function<void()> work) override {
    timers.emplace(time_us, std::move(work));
  }
  std::int64_t now_us() const override { return now; }

  void run_posted() {
    while (!posted.empty()) {
      auto work = std::move(posted.front());
      posted.pop_front();
      work();
    }
  }
  void run_waiting() {
    for (auto& work : std::exchange(waiting, {})) work();
  }
  void move_to(std::int64_t time_us) {
    now = time_us;
    while (!timers.empty() && timers.begin()->first <= now) {
      auto work = std::move(timers.begin()->second);
      timers.erase(timers.begin());
      work();
    }
    run_posted();
  }

  std::deque<std::function<void()>> posted, waiting;
  std::multimap<std::int64_t, std::function<void()>> timers;
  std::atomic<std::int64_t> now = 1;
};

/// y = x * factor; calls, and what `meanwhile` does during one.
class Times : public Model {
 public:
  explicit Times(float factor, bool batchable = true) : factor_(factor) {
    const std::int64_t rows = batchable ? -1 : 1;
    signature_ = {{{"x", SCANFLOW_FP32, {rows}}}, {{"x", SCANFLOW_FP32, {rows}}}, batchable};
  }
  const loader::Signature& signature() const override { return signature_; }
  loader::InferOutcome infer(std::span<const loader::Tensor> inputs) override {
    calls.push_back(rows(inputs));
    if (meanwhile) std::exchange(meanwhile, nullptr)();
    loader::InferOutcome outcome;
    auto list = values<float>(inputs[0]);
    for (float& value : list) {
      if (value == 666) {
        outcome.status = SCANFLOW_FAILED;
        outcome.error = "it failed";
        return outcome;
      }
      value *= factor_;
    }
    outcome.tensors = {floats("x", inputs[0].shape, list)};
    return outcome;
  }
  static std::int64_t rows(std::span<const loader::Tensor> inputs) { return inputs[0].shape[0]; }

  std::vector<std::int64_t> calls;  // rows of each
  std::function<void()> meanwhile;

 private:
  float factor_;
  loader::Signature signature_;
};

struct Told {
  std::vector<float> values;
  std::string version;
  int status = 0;  // 200, or of the problem
  std::string message;
};

class ServiceTest : public testing::Test {
 protected:
  static std::vector<Version> one(const std::shared_ptr<Model>& model) {
    return {{{"1", 1}, model}};
  }

  void make(std::vector<FlowNode> nodes, std::vector<std::vector<Version>> versions,
            ServiceLimits limits = {}) {
    service_ = std::make_unique<Service>(*Flow::make(std::move(nodes)), std::move(versions), limits,
                                         runner_);
  }
  void make(const std::shared_ptr<Model>& model, ServiceLimits limits = {}) {
    make({{"cnn", NodeType::model, {}}}, {one(model)}, limits);
  }
  /// The place where the answer will be.
  std::shared_ptr<Told> send(const std::vector<float>& x, const std::string& version = {},
                             std::int64_t deadline_us = 0) {
    auto told = std::make_shared<Told>();
    Service::Ask ask;
    ask.request.inputs = {floats("x", {static_cast<std::int64_t>(x.size())}, x)};
    ask.version = version;
    ask.deadline_us = deadline_us;
    ask.then = [told](const Request&, Answered<Answer> answer) {
      EXPECT_EQ(told->status, 0) << "answered twice";
      told->status = answer ? 200 : answer.error().status;
      if (!answer) {
        told->message = answer.error().message;
        return;
      }
      told->values = values<float>(answer->outputs[0]);
      for (const auto& [node, name] : answer->versions) told->version += name;
    };
    service_->ask(std::move(ask));
    return told;
  }
  /// The same, with all that can be done done.
  std::shared_ptr<Told> ask(const std::vector<float>& x, const std::string& version = {},
                            std::int64_t deadline_us = 0) {
    auto told = send(x, version, deadline_us);
    runner_.run_posted();
    return told;
  }

  ByHand runner_;
  std::unique_ptr<Service> service_;
};

TEST_F(ServiceTest, Answers) {
  make(std::make_shared<Times>(2));
  const auto told = ask({1, 2});
  EXPECT_EQ(told->status, 200);
  EXPECT_EQ(told->values, (std::vector<float>{2, 4}));
  EXPECT_EQ(told->version, "1");
}

TEST_F(ServiceTest, WhatComesDuringACallIsTheNextBatch) {
  const auto model = std::make_shared<Times>(2);
  make(model, {.batch_rows = 4});
  std::vector<std::shared_ptr<Told>> others;
  model->meanwhile = [&] {
    for (float value = 1; value <= 6; ++value) others.push_back(send({value}));
  };
  ask({10});
  EXPECT_EQ(model->calls, (std::vector<std::int64_t>{1, 4, 2}));
  for (std::size_t i = 0; i < others.size(); ++i)
    EXPECT_EQ(others[i]->values, (std::vector<float>{static_cast<float>(i + 1) * 2}));
}

TEST_F(ServiceTest, OneBadRequestOfABatchFailsAlone) {
  const auto model = std::make_shared<Times>(2);
  make(model, {.batch_rows = 8});
  std::vector<std::shared_ptr<Told>> others;
  model->meanwhile = [&] { others = {send({1}), send({666}), send({3})}; };
  ask({10});
  EXPECT_EQ(others[0]->values, (std::vector<float>{2}));
  EXPECT_EQ(others[1]->status, 500);
  EXPECT_EQ(others[1]->message, "cnn: it failed");
  EXPECT_EQ(others[2]->values, (std::vector<float>{6}));
  EXPECT_EQ(service_->status().nodes[0].versions[0].failures, 1U);
}

TEST_F(ServiceTest, WhatDoesNotFitTheModelIsRefused) {
  make(std::make_shared<Times>(2, false));
  EXPECT_EQ(ask({1, 2})->status, 400);
  EXPECT_THAT(ask({1, 2})->message, HasSubstr("has the shape [2]; the model takes [1]"));
  EXPECT_EQ(ask({1})->status, 200);
  EXPECT_EQ(service_->status().requests, 0U);
}

TEST_F(ServiceTest, ARequestWaitsForOthersNoLongerThanItMay) {
  const auto model = std::make_shared<Times>(2);
  make(model, {.batch_rows = 3, .batch_delay_us = 1000});
  const auto alone = ask({1});
  EXPECT_EQ(alone->status, 0);
  runner_.move_to(500);
  const auto second = ask({2});
  runner_.move_to(1001);
  EXPECT_EQ(alone->status, 200);
  EXPECT_EQ(second->status, 200);
  EXPECT_EQ(model->calls, (std::vector<std::int64_t>{2}));
  const auto a = send({1}), b = send({2}), c = send({3});
  runner_.run_posted();
  EXPECT_EQ(c->status, 200) << "a full one goes at once";
  EXPECT_EQ(a->status, 200);
  EXPECT_EQ(model->calls, (std::vector<std::int64_t>{2, 3}));
}

TEST_F(ServiceTest, TheQueueIsBounded) {
  const auto model = std::make_shared<Times>(2);
  make(model, {.requests = 3});
  std::vector<std::shared_ptr<Told>> others;
  model->meanwhile = [&] { others = {send({1}), send({2}), send({3})}; };
  ask({10});
  EXPECT_EQ(others[2]->status, 429);
  runner_.run_posted();
  EXPECT_EQ(others[1]->status, 200);
  EXPECT_EQ(ask({1})->status, 200) << "there is room again";
  EXPECT_EQ(service_->status().refused, 1U);
}

TEST_F(ServiceTest, DeadlinesAreKept) {
  const auto model = std::make_shared<Times>(2);
  make(model);
  std::shared_ptr<Told> late, in_time;
  model->meanwhile = [&] {
    late = send({1}, "", 100);
    in_time = send({2}, "", 300);
    runner_.now = 200;
  };
  const auto running = ask({10}, "", 150);
  EXPECT_EQ(running->status, 200) << "an answer that is there is given";
  EXPECT_EQ(late->status, 504);
  EXPECT_EQ(in_time->status, 200);
  EXPECT_EQ(model->calls.size(), 2U) << "nothing is computed for nobody";

  std::shared_ptr<Told> waiting;
  model->meanwhile = [&] {
    waiting = send({1}, "", 250);
    runner_.now = 260;
    service_->expire();
    EXPECT_EQ(waiting->status, 504) << "while another's call runs";
  };
  ask({10});
  EXPECT_EQ(service_->status().expired, 2U);
}

TEST_F(ServiceTest, VersionsShareByWeightAndCanBeNamed) {
  make({{"cnn", NodeType::model, {}}},
       {{{{"1", 3}, std::make_shared<Times>(1)}, {{"2", 1}, std::make_shared<Times>(2)}}});
  int second = 0;
  for (int i = 0; i < 40; ++i) second += ask({1})->version == "2";
  EXPECT_EQ(second, 10);
  EXPECT_EQ(ask({1}, "2")->values, (std::vector<float>{2}));
  EXPECT_EQ(ask({1}, "1")->values, (std::vector<float>{1}));
  EXPECT_EQ(ask({1}, "3")->status, 404);
}

TEST_F(ServiceTest, AModelIsSwappedBetweenTwoCalls) {
  const auto old = std::make_shared<Times>(1), fresh = std::make_shared<Times>(2);
  make({{"cnn", NodeType::model, {}}}, {{{{"1", 1}, old}}});
  EXPECT_EQ(ask({1})->version, "1");
  std::shared_ptr<Told> meanwhile;
  std::future<void> swapped;
  std::atomic<bool> returned = false;
  old->meanwhile = [&] {
    swapped = std::async(std::launch::async, [&] {
      service_->set_versions(0, {{{"2", 1}, fresh}});
      returned = true;
    });
    while (service_->versions(0)[0].share.version != "2") std::this_thread::yield();
    meanwhile = send({1});
    EXPECT_FALSE(returned) << "the old one answers still";
  };
  const auto running = ask({1});
  EXPECT_EQ(running->version, "1") << "what runs is finished";
  swapped.get();
  EXPECT_EQ(meanwhile->version, "2") << "what waits is the new one's";
  EXPECT_EQ(ask({1})->version, "2");
  EXPECT_EQ(ask({1}, "1")->status, 404);
}

TEST_F(ServiceTest, AShadowIsComparedAndNeverAnswers) {
  make({{"cnn", NodeType::model, {}}},
       {{{{"1", 1}, std::make_shared<Times>(1)}, {{"2", 0, true}, std::make_shared<Times>(2)}}});
  for (const float x : {0.0F, 5.0F}) {
    EXPECT_EQ(ask({x})->version, "1");
  }
  const auto shadow = service_->status().nodes[0].versions[1];
  EXPECT_EQ(shadow.compared, 2U);
  EXPECT_EQ(shadow.alike, 1U) << "twice 0 is 0";
}

TEST_F(ServiceTest, AGraphIsWalked) {
  make({{"pre", NodeType::transformer, {}}, {"cnn", NodeType::model, {"pre"}}},
       {one(std::make_shared<Times>(2)), one(std::make_shared<Times>(5))});
  const auto told = ask({1});
  EXPECT_EQ(told->values, (std::vector<float>{10}));
  EXPECT_EQ(told->version, "1") << "of the model alone";
}

TEST_F(ServiceTest, AFailureInsideTheGraphEndsTheRequestOnce) {
  make({{"a", NodeType::model, {}}, {"b", NodeType::model, {}}},
       {one(std::make_shared<Times>(2)), one(std::make_shared<Times>(5))});
  const auto told = ask({666});
  EXPECT_EQ(told->status, 500);
  EXPECT_EQ(service_->status().requests, 0U);
  EXPECT_EQ(ask({1})->status, 200);
}

/// It waits for another process.
class Elsewhere : public Times {
 public:
  explicit Elsewhere(float factor) : Times(factor) {}
  bool waits() const override { return true; }
  loader::InferOutcome infer(std::span<const loader::Tensor> inputs) override {
    if (!away) return Times::infer(inputs);
    calls.push_back(rows(inputs));
    loader::InferOutcome outcome;
    outcome.status = SCANFLOW_RETRYABLE;
    outcome.error = "it is away";
    return outcome;
  }
  bool away = false;
};

TEST_F(ServiceTest, AModelThatWaitsForAnotherProcessHoldsUpNothing) {
  const auto model = std::make_shared<Elsewhere>(3.0F);
  make(model, {.batch_rows = 8});
  const auto first = ask({1}, {}, 50), second = ask({2}, {}, 1000), third = ask({3});
  EXPECT_EQ(runner_.waiting.size(), 1U) << "one call at a time";
  EXPECT_TRUE(service_->calls_apart());
  runner_.move_to(60);
  service_->expire();
  EXPECT_EQ(first->status, 504) << "while it waits";
  runner_.run_waiting();
  EXPECT_EQ(first->status, 504);
  runner_.run_posted();
  EXPECT_EQ(runner_.waiting.size(), 1U) << "those that came meanwhile are one call";
  runner_.run_waiting();
  EXPECT_EQ(second->values, (std::vector<float>{6}));
  EXPECT_EQ(third->values, (std::vector<float>{9}));
  EXPECT_EQ(model->calls, (std::vector<std::int64_t>{1, 2}));
  EXPECT_FALSE(service_->calls_apart());
}

TEST_F(ServiceTest, WhatMayBeTriedAgainLaterIsNotTriedForEachByItself) {
  const auto model = std::make_shared<Elsewhere>(3.0F);
  model->away = true;
  make(model, {.batch_rows = 8});
  const auto first = send({1}), second = send({2});
  runner_.run_posted();
  runner_.run_waiting();
  EXPECT_EQ(first->status, 503);
  EXPECT_EQ(second->status, 503);
  EXPECT_THAT(first->message, HasSubstr("it is away"));
  EXPECT_EQ(model->calls, (std::vector<std::int64_t>{2}));
}

}  // namespace
}  // namespace scanflow::infer
