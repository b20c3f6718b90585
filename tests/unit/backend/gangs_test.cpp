// Gangs over a backend that notes what it is told, and says what it is made to say.
#include "engine/backend/gangs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <variant>

namespace scanflow::backend {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Id = protocol::AttemptId;

struct Noted final : Backend {
  void get_ready() override {}
  void survey() override {}
  void observe(const std::string&) override {}
  void launch(std::vector<RequestPtr> requests) override {
    for (RequestPtr& each : requests) launched.push_back(std::move(each));
  }
  void stop(const Id& id, const std::string& reason) override {
    told.push_back("stop " + id.step + " " + reason);
  }
  void acknowledge(const Id& id) override { told.push_back("acknowledge " + id.step); }
  void forget(const std::vector<Id>& ids) override {
    for (const Id& id : ids) told.push_back("forget " + id.step);
  }
  void reply(const protocol::HostReply& reply) override {
    told.push_back("reply " + reply.id.step + " " + std::to_string(reply.call));
  }

  std::vector<RequestPtr> launched;
  std::vector<std::string> told;
};

class GangsTest : public testing::Test {
 protected:
  GangsTest() {
    auto noted = std::make_unique<Noted>();
    noted_ = noted.get();
    backend_ = gangs_.over(std::move(noted));
  }

  static RequestPtr request(std::uint32_t replicas, const std::string& pod = "") {
    auto made = std::make_shared<protocol::Request>();
    made->id = {"run", "train", 1};
    made->uses = "command";
    made->replicas = replicas;
    made->pod = pod;
    made->env = {{"WORLD_SIZE", "mine"}};
    return made;
  }
  /// What the engine hears of that.
  std::vector<Report> hears(Report report) {
    std::vector<Report> one;
    one.push_back(std::move(report));
    return gangs_.fold(std::move(one));
  }
  std::vector<Report> ends(const std::string& step, const std::string& status,
                           std::int64_t ended_us = 10, const std::string& message = "") {
    protocol::Result result;
    result.id = {"run", step, 1};
    result.status = status;
    result.cause = status == "failed" ? "exit" : "";
    result.message = message;
    result.started_us = 1;
    result.ended_us = ended_us;
    result.cpu_us = 5;
    result.outputs = R"({"of": ")" + step + "\"}";
    result.artifacts = {{"model", "/" + step, false, "", 0}};
    return hears(protocol::Ended{result});
  }
  static const GangEnded& gang(const std::vector<Report>& reports) {
    return std::get<GangEnded>(reports.at(0));
  }

  Gangs gangs_;
  Noted* noted_ = nullptr;
  std::unique_ptr<Backend> backend_;
};

TEST_F(GangsTest, AStepWithoutReplicasIsLeftAlone) {
  backend_->launch({request(1)});
  ASSERT_THAT(noted_->launched, SizeIs(1));
  EXPECT_FALSE(noted_->launched[0]->env.contains("RANK"));
  const auto told = ends("train", "succeeded");
  EXPECT_TRUE(std::holds_alternative<protocol::Ended>(told.at(0)));
  backend_->stop({"run", "train", 1}, "timeout");
  backend_->acknowledge({"run", "train", 1});
  EXPECT_THAT(noted_->told, ElementsAre("stop train timeout", "acknowledge train"));
}

TEST_F(GangsTest, EachRankKnowsItselfAndTheOthers) {
  backend_->launch({request(3)});
  ASSERT_THAT(noted_->launched, SizeIs(3));
  for (std::size_t rank = 0; rank < 3; ++rank) {
    const auto& env = noted_->launched[rank]->env;
    EXPECT_EQ(env.at("RANK"), std::to_string(rank));
    EXPECT_EQ(env.at("SCANFLOW_RANK"), std::to_string(rank));
    EXPECT_EQ(env.at("SCANFLOW_REPLICAS"), "3");
    EXPECT_EQ(env.at("LOCAL_RANK"), std::to_string(rank)) << "they share this machine";
    EXPECT_EQ(env.at("MASTER_ADDR"), "127.0.0.1");
    EXPECT_EQ(env.at("MASTER_PORT"), noted_->launched[0]->env.at("MASTER_PORT"));
    EXPECT_EQ(env.at("WORLD_SIZE"), "mine") << "the step's own word holds";
  }
  EXPECT_EQ(noted_->launched[0]->id.step, "train");
  EXPECT_EQ(noted_->launched[2]->id.step, "train@2");
}

TEST_F(GangsTest, InPodsRankZeroIsFoundLater) {
  backend_->launch({request(2, "{}")});
  EXPECT_FALSE(noted_->launched.at(1)->env.contains("MASTER_ADDR"));
  EXPECT_EQ(noted_->launched.at(1)->env.at("LOCAL_RANK"), "0") << "alone in its Pod";
}

TEST_F(GangsTest, ItSucceedsWhenAllHave) {
  backend_->launch({request(2)});
  EXPECT_THAT(ends("train", "succeeded", 10), IsEmpty());
  EXPECT_THAT(ends("train", "succeeded", 10), IsEmpty()) << "told twice";
  const auto told = ends("train@1", "succeeded", 30);
  const protocol::Result& result = gang(told).result;
  EXPECT_EQ(result.id.step, "train");
  EXPECT_EQ(result.status, "succeeded");
  EXPECT_EQ(result.outputs, R"({"of": "train"})") << "rank 0's";
  EXPECT_EQ(result.ended_us, 30);
  EXPECT_EQ(result.cpu_us, 10);
  ASSERT_THAT(result.artifacts, SizeIs(2));
  EXPECT_EQ(result.artifacts[0].name, "model");
  EXPECT_EQ(result.artifacts[1].name, "model@1");
  ASSERT_THAT(gang(told).members, SizeIs(2));
  EXPECT_EQ(gang(told).members[1].result.ended_us, 30);
  EXPECT_THAT(noted_->told, IsEmpty());
  backend_->acknowledge({"run", "train", 1});
  EXPECT_THAT(noted_->told, ElementsAre("acknowledge train", "acknowledge train@1"));
}

TEST_F(GangsTest, TheFirstThatFailsEndsTheOthersAndIsTheReason) {
  backend_->launch({request(4)});
  ends("train@3", "succeeded");
  EXPECT_THAT(ends("train@1", "failed", 21, "lost its peer"), IsEmpty());
  EXPECT_THAT(noted_->told, ElementsAre("stop train cancelled", "stop train@2 cancelled"));
  // Heard of later, it failed before.
  ends("train@2", "failed", 20, "exit code 7");
  const auto told = ends("train", "cancelled", 25);
  EXPECT_EQ(gang(told).result.status, "failed");
  EXPECT_EQ(gang(told).result.message, "rank 2 of 4: exit code 7");
  EXPECT_EQ(gang(told).result.cause, "exit");
  EXPECT_EQ(gang(told).result.id.step, "train");
  EXPECT_THAT(noted_->told, SizeIs(2)) << "they are stopped once";
}

TEST_F(GangsTest, StoppedAllAreAndItIsCancelled) {
  backend_->launch({request(2)});
  ends("train", "succeeded");
  backend_->stop({"run", "train", 1}, "timeout");
  EXPECT_THAT(noted_->told, ElementsAre("stop train@1 timeout")) << "the other one has ended";
  const auto told = ends("train@1", "cancelled");
  EXPECT_EQ(gang(told).result.status, "cancelled");
  EXPECT_EQ(gang(told).result.cause, "timeout");
}

TEST_F(GangsTest, AStopWhileItFailsHidesNotWhy) {
  backend_->launch({request(2)});
  ends("train@1", "failed", 10, "exit code 7");
  backend_->stop({"run", "train", 1}, "timeout");
  EXPECT_THAT(noted_->told, ElementsAre("stop train cancelled", "stop train timeout"));
  EXPECT_EQ(gang(ends("train", "cancelled")).result.message, "rank 1 of 2: exit code 7");
}

TEST_F(GangsTest, AStopThatCameTooLateChangesNothing) {
  backend_->launch({request(2)});
  ends("train", "succeeded");
  backend_->stop({"run", "train", 1}, "cancelled");
  EXPECT_EQ(gang(ends("train@1", "succeeded")).result.status, "succeeded");
}

TEST_F(GangsTest, WhatRanksSayBearsTheirNumber) {
  backend_->launch({request(2)});
  protocol::Metric loss;
  loss.id = {"run", "train@1", 1};
  loss.name = "loss";
  loss.number = 3;
  auto told = hears(loss);
  const auto one = std::get<protocol::Metric>(told.at(0));
  EXPECT_EQ(one.id.step, "train");
  EXPECT_EQ(one.labels.at("rank"), "1");
  loss.id.step = "train";
  told = hears(loss);
  const auto zero = std::get<protocol::Metric>(told.at(0));
  EXPECT_EQ(zero.labels.at("rank"), "0");
  EXPECT_EQ(zero.number, 3u);
  EXPECT_NE(one.number, zero.number) << "each is stored";
  EXPECT_THAT(hears(protocol::Progress{{"run", "train@1", 1}, 0.5, "half"}), IsEmpty());
  EXPECT_THAT(hears(protocol::Progress{{"run", "train", 1}, 0.5, "half"}), SizeIs(1));
}

TEST_F(GangsTest, AnAnswerGoesToTheRankThatHasAsked) {
  backend_->launch({request(3)});
  const auto told = hears(protocol::HostCall{{"run", "train@2", 1}, 9, "run.state", "{}"});
  const auto& call = std::get<protocol::HostCall>(told.at(0));
  EXPECT_EQ(call.id.step, "train");
  backend_->reply({call.id, call.call, true, "{}"});
  EXPECT_THAT(noted_->told, ElementsAre("reply train@2 9"));
}

TEST_F(GangsTest, RanksOfAnEarlierEngineAreForgottenTogether) {
  const auto kept = hears(Kept{{"run", "train@2", 1}});
  EXPECT_EQ(std::get<Kept>(kept.at(0)).id.step, "train");
  const auto strays = hears(Strays{{{"run", "train", 1}, {"run", "train@1", 1}}});
  EXPECT_THAT(std::get<Strays>(strays.at(0)).ids, ElementsAre(Id{"run", "train", 1}));
  backend_->forget({{"run", "train", 1}});
  EXPECT_THAT(noted_->told, ElementsAre("forget train", "forget train@1", "forget train@2"));
}

TEST_F(GangsTest, WhereRanksWereIsTold) {
  backend_->launch({request(2, "{}")});
  EXPECT_THAT(hears(Placed{{"run", "train@1", 1}, "pod-b", "node-b", 1}), IsEmpty());
  EXPECT_THAT(hears(Placed{{"run", "train", 1}, "pod-a", "node-a", 1}), SizeIs(1));
  ends("train", "succeeded");
  const auto told = ends("train@1", "succeeded");
  EXPECT_EQ(gang(told).members[0].pod, "pod-a");
  EXPECT_EQ(gang(told).members[1].node, "node-b");
}

}  // namespace
}  // namespace scanflow::backend
