// Services with real processes behind the front, and clients that ask over real connections.
#include "engine/serve/replicas.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/http/client.hpp"
#include "engine/serve/front.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::serve {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::eventually;
using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

const ServiceName kName{"default", "scale"};

struct Reply {
  int status = 0;  // 0: no answer
  json body;
};

class ReplicasTest : public testing::Test {
 protected:
  void SetUp() override {
    auto front = Front::listen("127.0.0.1:0");
    ASSERT_TRUE(front) << front.error().message;
    front_ = std::move(*front);
  }

  static infer::VersionDocument version(const std::string& name, double weight,
                                        const std::string& model = {}) {
    return {{name, weight, false}, model};
  }
  infer::ServiceDocument document(const json& with = json::object()) {
    infer::ServiceDocument out;
    out.name = "scale";
    json config = {{"factor", 2}, {"delay_ms", 0}, {"load_ms", 0}, {"batchable", true}};
    config.update(with);
    out.nodes.push_back({{"m", infer::NodeType::model, {}},
                         "test.scale",
                         TEST_PLUGINS "/online.so",
                         config,
                         {version("1", 1)}});
    out.limits.batch_rows = 16;
    return out;
  }
  void serve(infer::ServiceDocument what, std::size_t count, RouterLimits limits = {}) {
    serve(std::move(what), {limits, {count, count}});
  }
  void serve(infer::ServiceDocument what, const ServiceRules& rules) {
    front_->put(kName, std::move(what), rules, options());
  }
  void serve_backup(infer::ServiceDocument what) {
    front_->put_backup(kName, std::move(what), {}, options());
  }
  ReplicasOptions options() {
    ReplicasOptions options;
    options.program = SERVICE_PROGRAM;
    options.directory = directory_.path();
    options.tell = [this](const std::string& line) {
      const std::lock_guard lock(mutex_);
      told_ += line + "\n";
    };
    return options;
  }
  /// Of whoever answers: of a backup another one.
  double factor() {
    const Reply reply = ask(1);
    return reply.status == 200 ? reply.body["outputs"][0]["data"][0].get<double>() : 0;
  }
  std::shared_ptr<Replicas> replicas() { return front_->replicas(kName); }
  std::string told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }
  http::Peer peer() const {
    const auto colon = front_->address().rfind(':');
    return {
        front_->address().substr(0, colon), front_->address().substr(colon + 1), nullptr, "", {}};
  }
  static Reply ask(http::Client& client, float x, const std::string& version = {}) {
    const json body = {
        {"inputs", {{{"name", "x"}, {"datatype", "FP32"}, {"shape", {1, 2}}, {"data", {x, 1}}}}}};
    http::Outgoing out{
        "POST", "/v2/models/scale" + (version.empty() ? "" : "/versions/" + version) + "/infer"};
    out.headers = {{"Host", "localhost"}};
    out.body = body.dump();
    const auto head = client.ask(out);
    if (!head) return {};
    const auto rest = client.rest(1 << 20);
    return {head->status, rest ? json::parse(*rest, nullptr, false) : json()};
  }
  Reply ask(float x, const std::string& version = {}) {
    auto client = http::Client::connect(peer(), seconds(10));
    return client ? ask(**client, x, version) : Reply{};
  }
  std::string model_file(const std::string& name, double factor) {
    const auto path = directory_ / name;
    std::ofstream(path) << factor;
    return path;
  }

  /// Clients that ask without pause until they are told to stop, and what they were told.
  class Load {
   public:
    Load(ReplicasTest& test, int clients) {
      for (int i = 0; i < clients; ++i) threads_.emplace_back([this, &test] { run(test); });
    }
    ~Load() { stop(); }
    void stop() {
      stopped_ = true;
      for (auto& thread : threads_) thread.join();
      threads_.clear();
    }
    int answers() const { return answers_; }
    std::vector<Reply> failures() {
      const std::lock_guard lock(mutex_);
      return failures_;
    }
    /// The last time at which a version has answered.
    Clock::time_point last(const std::string& version) {
      const std::lock_guard lock(mutex_);
      return last_[version];
    }

   private:
    void run(ReplicasTest& test) {
      auto client = http::Client::connect(test.peer(), seconds(10));
      while (!stopped_) {
        const Reply reply = ask(**client, 3);
        const std::lock_guard lock(mutex_);
        ++answers_;
        if (reply.status != 200) failures_.push_back(reply);
        if (reply.status == 200) last_[reply.body.value("model_version", "")] = Clock::now();
        if (reply.status == 0) client = http::Client::connect(test.peer(), seconds(10));
      }
    }
    std::atomic<bool> stopped_ = false;
    std::atomic<int> answers_ = 0;
    std::mutex mutex_;
    std::vector<Reply> failures_;
    std::map<std::string, Clock::time_point> last_;
    std::vector<std::thread> threads_;
  };

  test::TempDir directory_;
  std::mutex mutex_;
  std::string told_;
  std::unique_ptr<Front> front_;
};

TEST_F(ReplicasTest, Answers) {
  serve(document(), 2);
  const Reply reply = ask(4);  // it waits until one is ready
  ASSERT_EQ(reply.status, 200) << told();
  EXPECT_EQ(reply.body["outputs"][0]["data"], (json{8, 2}));
  EXPECT_EQ(reply.body["model_version"], "1");
  ASSERT_TRUE(replicas()->wait_ready(2, seconds(20))) << told();
  EXPECT_EQ(replicas()->status().size(), 2U);
}

TEST_F(ReplicasTest, WhatItsProcessCannotDoIsTheClients) {
  serve(document(), 1);
  EXPECT_EQ(ask(667).status, 400);
  EXPECT_EQ(ask(666).status, 500);
  EXPECT_EQ(ask(1, "9").status, 404);
  EXPECT_EQ(ask(1).status, 200) << "nothing else is disturbed";
  EXPECT_EQ(front_->counts(kName).requests(), 4U);
  EXPECT_EQ(front_->counts(kName).errors(), 0.25) << "those of its own: 5xx";
}

TEST_F(ReplicasTest, AKilledOneIsNoticedAndItsRequestsGoToAnother) {
  serve(document({{"delay_ms", 5}}), 2);
  ASSERT_TRUE(replicas()->wait_ready(2, seconds(20))) << told();
  Load load(*this, 4);
  ASSERT_TRUE(eventually([&] { return load.answers() > 50; }));
  for (int kill = 0; kill < 3; ++kill) {
    ASSERT_TRUE(eventually([&] {
      const auto all = replicas()->status();
      return all.size() == 2 && all[0].state == ReplicaStatus::State::ready &&
             all[1].state == ReplicaStatus::State::ready;
    })) << told();
    const auto victim = replicas()->status()[0];
    const auto killed = Clock::now();
    ::kill(victim.pid, SIGKILL);
    ASSERT_TRUE(eventually([&] { return front_->counts(kName).ready == 1; }));
    // 100 ms is what is promised; a machine that does much else is given more.
    EXPECT_LT(Clock::now() - killed, seconds(2)) << "the router knows it";
    const int before = load.answers();
    ASSERT_TRUE(eventually([&] { return load.answers() > before + 50; }));
  }
  load.stop();
  EXPECT_EQ(load.failures().size(), 0U) << load.failures()[0].status << load.failures()[0].body;
  EXPECT_THAT(told(), HasSubstr("was killed by SIGKILL; the next starts in 0.1 s"));
}

TEST_F(ReplicasTest, WithoutRetriesTheRequestsInsideFailAndNoOthers) {
  serve(document({{"delay_ms", 20}}), 2, {.retries = 0});
  ASSERT_TRUE(replicas()->wait_ready(2, seconds(20))) << told();
  Load load(*this, 4);
  ASSERT_TRUE(eventually([&] { return load.answers() > 20; }));
  ::kill(replicas()->status()[0].pid, SIGKILL);
  const int before = load.answers();
  ASSERT_TRUE(eventually([&] { return load.answers() > before + 50; }));
  load.stop();
  EXPECT_LE(load.failures().size(), 4U) << "at most those of all clients were inside";
  for (const Reply& failure : load.failures()) EXPECT_EQ(failure.status, 502) << failure.body;
}

TEST_F(ReplicasTest, WhatEndsEveryReplicaIsGivenToTwoAtMost) {
  serve(document(), 2);
  ASSERT_TRUE(replicas()->wait_ready(2, seconds(20))) << told();
  const Reply reply = ask(668);
  EXPECT_EQ(reply.status, 502);
  EXPECT_THAT(reply.body["error"].get<std::string>(), HasSubstr("2 times"));
  ASSERT_TRUE(eventually([&] { return ask(1).status == 200; })) << told();
  EXPECT_THAT(told(), HasSubstr("was killed by SIGABRT"));
}

TEST_F(ReplicasTest, VersionsAreSwappedUnderLoadWithoutAFailure) {
  serve(document(), 2);
  ASSERT_TRUE(replicas()->wait_ready(2, seconds(20))) << told();
  Load load(*this, 4);
  std::string before = "1";
  std::int64_t slowest = 0;
  for (int swap = 2; swap <= 51; ++swap) {
    const std::string name = std::to_string(swap);
    const int answers = load.answers();
    const auto switched =
        replicas()->set_traffic("m", {version(name, 1, model_file("f" + name, swap))});
    ASSERT_TRUE(switched) << switched.error().message;
    const auto returned = Clock::now();
    slowest = std::max(slowest, switched->value());
    ASSERT_TRUE(eventually([&] { return load.answers() > answers + 20; }));
    // What was answered before it returned may be read by its client a little later.
    EXPECT_LT(load.last(before), returned + seconds(1)) << before;
    before = name;
  }
  load.stop();
  EXPECT_EQ(load.failures().size(), 0U);
  EXPECT_LT(slowest, 1'000'000) << "microseconds; 50,000 where the machine does nothing else";
  EXPECT_EQ(ask(1, "1").status, 404) << "it is gone";
  EXPECT_EQ(ask(1).body["outputs"][0]["data"][0], 51);
}

TEST_F(ReplicasTest, AVersionThatCannotBeLoadedChangesNothing) {
  serve(document(), 2);
  ASSERT_TRUE(replicas()->wait_ready(2, seconds(20))) << told();
  std::ofstream(directory_ / "bad") << "no number";
  const auto switched = replicas()->set_traffic("m", {version("2", 1, directory_ / "bad")});
  ASSERT_FALSE(switched);
  EXPECT_THAT(switched.error().message, HasSubstr("version 2: the model holds no number"));
  EXPECT_EQ(ask(1).body["model_version"], "1");
  EXPECT_FALSE(replicas()->set_traffic("n", {version("2", 1)}));
}

TEST_F(ReplicasTest, WhereNoVersionCouldBeLoadedTheNextOneIs) {
  auto of_bad = document();
  of_bad.nodes[0].versions = {version("1", 1, directory_ / "bad")};
  std::ofstream(directory_ / "bad") << "no number";
  serve(of_bad, 2);
  ASSERT_TRUE(eventually([&] { return told().find("no number") != std::string::npos; })) << told();
  const auto switched = replicas()->set_traffic("m", {version("2", 1, model_file("good", 7))});
  ASSERT_TRUE(switched) << switched.error().message;
  EXPECT_FALSE(*switched) << "nobody has switched: those that come have it";
  ASSERT_TRUE(replicas()->wait_ready(2, seconds(20))) << told();
  EXPECT_EQ(ask(1).body["outputs"][0]["data"][0], 7);
}

TEST_F(ReplicasTest, AnotherFileUnderTheSameNameIsLoaded) {
  serve(document(), 1);
  ASSERT_TRUE(replicas()->wait_ready(1, seconds(20))) << told();
  ASSERT_TRUE(replicas()->set_traffic("m", {version("1", 1, model_file("a", 7))}));
  EXPECT_EQ(ask(1).body["outputs"][0]["data"][0], 7);
  ASSERT_TRUE(replicas()->set_traffic("m", {version("1", 1, model_file("b", 9))}));
  EXPECT_EQ(ask(1).body["outputs"][0]["data"][0], 9);
}

TEST_F(ReplicasTest, WhatIsNotOfTheProtocolIsRefused) {
  serve(document(), 1);
  auto client = http::Client::connect(peer(), seconds(10));
  ASSERT_TRUE(client);
  for (const char* method : {"DELETE", "TRACE"}) {
    const auto head = (*client)->ask({method, "/v2/models/scale/infer", {{"Host", "localhost"}}});
    ASSERT_TRUE(head) << head.error().message;
    EXPECT_EQ(head->status, 405);
    (void)(*client)->rest(1 << 20);
  }
  EXPECT_EQ(ask(1).status, 200);
}

TEST_F(ReplicasTest, ANewDocumentIsTakenOverWithoutAGap) {
  serve(document(), 2);
  ASSERT_TRUE(replicas()->wait_ready(2, seconds(20))) << told();
  Load load(*this, 3);
  replicas()->update(document({{"factor", 5}}));
  ASSERT_TRUE(eventually([&] {
    const auto all = replicas()->status();
    return all.size() == 2 && all[0].id == "3" && all[1].id == "4";
  })) << told();
  replicas()->scale(1);
  ASSERT_TRUE(eventually([&] { return replicas()->status().size() == 1; })) << told();
  load.stop();
  EXPECT_EQ(load.failures().size(), 0U);
  EXPECT_EQ(ask(1).body["outputs"][0]["data"][0], 5);
}

TEST_F(ReplicasTest, OneThatCannotStartIsTriedAgainMoreAndMoreSlowly) {
  infer::ServiceDocument broken = document();
  broken.nodes[0].library = "/nowhere.so";
  serve(std::move(broken), 1, {.timeout = milliseconds(300)});
  ASSERT_TRUE(eventually([&] {
    return told().find("the next starts in 0.4 s") != std::string::npos;
  })) << told();
  EXPECT_THAT(told(), HasSubstr("/nowhere.so"));
  const Reply reply = ask(1);
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body["error"], "no replica of the service was ready in time");
}

TEST_F(ReplicasTest, OneThatIsStoppedIsReplaced) {
  serve(document(), 1);
  ASSERT_TRUE(replicas()->wait_ready(1, seconds(20))) << told();
  ::kill(replicas()->status()[0].pid, SIGSTOP);
  ASSERT_TRUE(eventually([&] {
    return replicas()->status().size() == 1 && replicas()->status()[0].id == "2" &&
           replicas()->status()[0].state == ReplicaStatus::State::ready;
  })) << told();
  EXPECT_THAT(told(), HasSubstr("does not answer its supervisor"));
  EXPECT_EQ(ask(1).status, 200);
}

TEST_F(ReplicasTest, MoreThanTheQueueTakesAreToldSo) {
  serve(document({{"delay_ms", 50}}), 1, {.requests = 2});
  ASSERT_TRUE(replicas()->wait_ready(1, seconds(20))) << told();
  Load load(*this, 6);
  ASSERT_TRUE(eventually([&] { return load.answers() > 60; }));
  load.stop();
  ASSERT_FALSE(load.failures().empty());
  for (const Reply& failure : load.failures()) EXPECT_EQ(failure.status, 429) << failure.body;
  EXPECT_LE(load.failures().size(), static_cast<std::size_t>(load.answers()));
}

TEST_F(ReplicasTest, TheirNumberFollowsTheRequestsOnTheirWay) {
  const ScalingRule rule{1, 3, 2, 2'000'000};
  serve(document({{"delay_ms", 20}, {"batchable", false}}), {{}, rule});
  ASSERT_TRUE(replicas()->wait_ready(1, seconds(20))) << told();
  EXPECT_EQ(front_->counts(kName).wanted, 1U);
  Load load(*this, 5);
  ASSERT_TRUE(replicas()->wait_ready(3, seconds(20))) << told();
  EXPECT_THAT(told(), HasSubstr(" requests on their way, 2 each"));
  for (int i = 0; i < 20; ++i) front_->set_rules(kName, {{}, rule});  // as a server does
  EXPECT_EQ(front_->counts(kName).wanted, 3U);
  load.stop();
  ASSERT_TRUE(eventually([&] { return replicas()->status().size() == 1; })) << told();
  EXPECT_THAT(told(), HasSubstr("1 replica now: more were not needed for 2.0 s"));
  EXPECT_EQ(load.failures().size(), 0U) << load.failures()[0].status << load.failures()[0].body;
  EXPECT_EQ(ask(1).status, 200);
  front_->set_rules(kName, {{}, {2, 2}, 0.5});
  EXPECT_EQ(front_->counts(kName).slo_errors, 0.5);
  ASSERT_TRUE(replicas()->wait_ready(2, seconds(20))) << told();
}

TEST_F(ReplicasTest, RequestsThatWaitForAReplicaAskForMore) {
  serve(document({{"load_ms", 2500}}), {{}, {1, 4, 2, 30'000'000}});
  Load load(*this, 7);
  ASSERT_TRUE(eventually([&] { return front_->counts(kName).wanted == 4; })) << told();
  EXPECT_EQ(front_->counts(kName).ready, 0U);
}

TEST_F(ReplicasTest, TheBackupAnswersWhileNoReplicaIsReady) {
  serve_backup(document({{"factor", 7}, {"delay_ms", 2}}));
  serve(document({{"load_ms", 700}, {"delay_ms", 2}}), 1);
  EXPECT_EQ(factor(), 7) << "it is ready before the others";
  ASSERT_TRUE(replicas()->wait_ready(1, seconds(20))) << told();
  EXPECT_TRUE(eventually([&] { return factor() == 2; })) << told();
  const auto rests = front_->counts(kName).backup;
  EXPECT_EQ(rests.ready, 1U);
  EXPECT_FALSE(rests.answers);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(factor(), 2);
  EXPECT_EQ(front_->counts(kName).backup.requests, rests.requests);

  Load load(*this, 3);
  ASSERT_TRUE(eventually([&] { return load.answers() > 50; }));
  ::kill(replicas()->status()[0].pid, SIGKILL);
  ASSERT_TRUE(eventually([&] { return front_->counts(kName).backup.answers; })) << told();
  EXPECT_EQ(factor(), 7);
  ASSERT_TRUE(eventually([&] { return !front_->counts(kName).backup.answers; })) << told();
  EXPECT_EQ(factor(), 2);
  load.stop();
  EXPECT_EQ(load.failures().size(), 0U) << load.failures()[0].status << load.failures()[0].body;
  const auto counts = front_->counts(kName).backup;
  EXPECT_GT(counts.requests, rests.requests + 10);
  EXPECT_EQ(counts.failovers, 2U) << told();
  EXPECT_THAT(told(), HasSubstr("failover: no replica is ready, the backup answers"));
  EXPECT_THAT(told(), HasSubstr("failback: a replica is ready, the backup answers no more"));
}

TEST_F(ReplicasTest, TheBackupAnswersForOneThatHangs) {
  serve_backup(document({{"factor", 7}}));
  serve(document(), 1);
  ASSERT_TRUE(eventually([&] { return factor() == 2; })) << told();
  const auto hanging = replicas()->status()[0];
  ::kill(hanging.pid, SIGSTOP);
  ASSERT_TRUE(eventually([&] { return front_->counts(kName).backup.answers; })) << told();
  EXPECT_EQ(replicas()->status()[0].id, hanging.id) << "before its supervisor has given it up";
  EXPECT_EQ(factor(), 7);
  ASSERT_TRUE(eventually([&] { return factor() == 2; })) << told();
  EXPECT_NE(replicas()->status()[0].id, hanging.id);
}

TEST_F(ReplicasTest, OneThatOnlyPausedIsTrustedAgain) {
  serve_backup(document({{"factor", 7}}));
  serve(document(), 1);
  ASSERT_TRUE(eventually([&] { return factor() == 2; })) << told();
  const auto pausing = replicas()->status()[0];
  ::kill(pausing.pid, SIGSTOP);
  ASSERT_TRUE(eventually([&] { return front_->counts(kName).backup.answers; })) << told();
  ::kill(pausing.pid, SIGCONT);
  ASSERT_TRUE(eventually([&] { return factor() == 2; })) << told();
  EXPECT_EQ(replicas()->status()[0].id, pausing.id);
}

TEST_F(ReplicasTest, TheBackupServesWhatCannotBeLoadedOrIsNotThere) {
  serve_backup(document({{"factor", 7}}));
  EXPECT_EQ(factor(), 7) << "alone";
  EXPECT_EQ(replicas(), nullptr);
  infer::ServiceDocument broken = document();
  std::ofstream(directory_ / "bad") << "no number";
  broken.nodes[0].versions[0].model = directory_ / "bad";
  serve(std::move(broken), 1);
  ASSERT_TRUE(eventually([&] {
    return told().find("the next starts in 0.2 s") != std::string::npos;
  })) << told();
  EXPECT_EQ(factor(), 7);
  serve(document(), 1);
  ASSERT_TRUE(eventually([&] { return factor() == 2; })) << told();
  front_->remove_backup(kName);
  EXPECT_EQ(factor(), 2);
  EXPECT_EQ(front_->counts(kName).backup.ready, 0U);
}

TEST_F(ReplicasTest, WhatABackupLosesIsTriedAgainToo) {
  serve_backup(document({{"factor", 7}}));
  serve(document(), 1);
  ASSERT_TRUE(eventually([&] { return factor() == 2; })) << told();
  const Reply reply = ask(668);  // ends the replica, then the backup
  EXPECT_EQ(reply.status, 502);
  EXPECT_THAT(reply.body["error"].get<std::string>(), HasSubstr("2 times"));
  ASSERT_TRUE(eventually([&] { return ask(1).status == 200; })) << told();
}

TEST_F(ReplicasTest, ItsReplicasEndWithIt) {
  serve(document(), 2);
  ASSERT_TRUE(replicas()->wait_ready(2, seconds(20))) << told();
  const auto all = replicas()->status();
  front_->remove(kName);
  for (const auto& one : all) EXPECT_EQ(::kill(one.pid, 0), -1) << "it is gone, and reaped";
  EXPECT_EQ(ask(1).status, 404);
}

}  // namespace
}  // namespace scanflow::serve
