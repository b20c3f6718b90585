// The backend of Pods in a world that is made up: Pods that are there when they are said to be, and a hub
// that notes what it is told. Its strand is run by hand.
#include "engine/backend/pod_backend.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <variant>

#include "sdk/base/clock.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::backend {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Id = protocol::AttemptId;

struct MadeUpHub final : PodHub {
  void listen(bool where_it_was, std::function<void(Result<HubAddress>)> then) override {
    if (where_it_was && taken) return then(scanflow::fail("the port is taken"));
    if (!problem.empty()) return then(scanflow::fail(problem));
    then(HubAddress{4190, 4191, "hub-key"});
  }
  KeyPair keys_of(const std::string& pod) override { return {"open-" + pod, "secret-" + pod}; }
  void admit(const std::string& pod) override { admitted.insert(pod); }
  void dismiss(const std::string& pod) override { admitted.erase(pod); }
  void grant(const std::string& pod, const protocol::Request& request,
             const AttemptFiles& places) override {
    granted.insert(pod + " " + request.id.step);
    log = places.log;
  }
  void revoke(const std::string& pod, const Id& id) override { granted.erase(pod + " " + id.step); }
  void tell(const hub::SidecarKey& to, protocol::Body order) override {
    if (const auto* launch = std::get_if<protocol::Launch>(&order)) {
      told.push_back("launch " + launch->request.id.step);
      launched = launch->request;
    }
    if (const auto* cancel = std::get_if<protocol::Cancel>(&order))
      told.push_back("cancel " + cancel->id.step + " " + cancel->reason);
    last = to;
  }
  void delivered(const hub::SidecarKey&, std::uint64_t number) override {
    acknowledged.push_back(number);
  }

  std::string problem;
  bool taken = false;  // somebody else has the ports of the hub before
  std::set<std::string> admitted, granted;
  std::filesystem::path log;
  std::vector<std::string> told;
  hub::SidecarKey last;
  protocol::Request launched;  // last
  std::vector<std::uint64_t> acknowledged;
};

struct MadeUpPods {
  std::vector<std::string> living;
  PodTraits traits;
  std::vector<json> made;
  std::vector<std::map<std::string, std::string>> secrets;
  std::vector<std::string> removed, revived;
  std::optional<NotMade> refusal;
  std::string problem;
  std::string no_address;  // why not
};

struct MadeUpDriver final : PodDriver {
  explicit MadeUpDriver(MadeUpPods& all) : pods(all) {}
  void open(std::function<void(Result<std::vector<std::string>>)> then) override {
    if (!pods.problem.empty()) return then(scanflow::fail(pods.problem));
    then(pods.living);
  }
  std::string host() const override { return "host"; }
  PodTraits traits() const override { return pods.traits; }
  std::string node(const std::string&) const override { return "machine"; }
  void find_address(const std::string& pod,
                    std::function<void(Result<std::string>)> then) override {
    if (!pods.no_address.empty()) return then(scanflow::fail(pods.no_address));
    then("address of " + pod);
  }
  void make(PodOrder order, std::function<void(std::optional<NotMade>)> then) override {
    pods.living.push_back(order.manifest["metadata"]["name"]);
    pods.made.push_back(std::move(order.manifest));
    pods.secrets.push_back(std::move(order.secret));
    then(pods.refusal);
  }
  void remove(const std::string& pod) override {
    std::erase(pods.living, pod);
    pods.removed.push_back(pod);
  }
  void revive(const std::string& pod, const std::string& container) override {
    pods.revived.push_back(pod + " " + container);
  }
  MadeUpPods& pods;
};

class PodBackendTest : public testing::Test {
 protected:
  PodBackendTest() { begin(); }
  ~PodBackendTest() override {
    for (const protocol::Result& each : results())
      if (HasFailure()) ADD_FAILURE() << each.id.step << ": " << each.message;
  }
  /// As an engine that comes after another one.
  void begin() {
    backend_.reset();
    PodOptions options;
    options.directory = files_ / "pods";
    options.state = "state";
    options.images = {"sidecar", "worker", "python"};
    options.version = "1.0";
    options.log = [this](const std::string& line) { said_.push_back(line); };
    backend_ =
        std::make_unique<PodBackend>(options, strand_, hub_, [this](std::vector<Report> reports) {
          for (Report& each : reports) reports_.push_back(std::move(each));
        });
    backend_->drive_by(std::make_unique<MadeUpDriver>(pods_));
  }
  RequestPtr request(const std::string& step, const json& pod = json::object()) {
    auto request = std::make_shared<protocol::Request>();
    request->id = {"run", step, 1};
    request->uses = "command";
    request->log_dir = "/logs";
    request->pod = pod.dump();
    return request;
  }
  void launch(const std::string& step, const json& pod = json::object()) {
    backend_->launch({request(step, pod)});
  }
  void launch_with_checkpoints(const std::string& step) {
    auto some = std::make_shared<protocol::Request>(*request(step));
    some->checkpoints = "/state/checkpoints/run/step/work";
    backend_->launch({std::move(some)});
  }
  /// Its Pod has come, and its program runs.
  void start(const std::string& step) {
    backend_->attached(sidecar());
    protocol::Started started;
    started.id = {"run", step, 1};
    backend_->said(sidecar(), started);
  }
  static json reused(std::uint32_t uses = 10) {
    return {{"reuse", {{"uses", uses}, {"idle_us", 60'000'000}, {"age_us", 0}}}};
  }
  std::string pod() const { return pods_.living.empty() ? "" : pods_.living.back(); }
  hub::SidecarKey sidecar() const { return {pod(), pod()}; }
  void deliver(const std::string& step, const hub::SidecarKey& from, std::uint64_t number = 1) {
    protocol::Result result;
    result.id = {"run", step, 1};
    result.status = "succeeded";
    result.log.length = 5;
    backend_->delivered(from, number, result);
  }
  std::vector<protocol::Result> results() const {
    std::vector<protocol::Result> all;
    for (const Report& each : reports_) {
      if (const auto* ended = std::get_if<protocol::Ended>(&each)) all.push_back(ended->result);
    }
    return all;
  }

  /// "step pod use", of each place that was told.
  std::vector<std::string> places() const {
    std::vector<std::string> all;
    for (const Report& each : reports_) {
      if (const auto* placed = std::get_if<Placed>(&each))
        all.push_back(placed->id.step + " " + placed->pod + " " + std::to_string(placed->use));
    }
    return all;
  }
  /// A Pod that has had a step, and waits for the next one.
  std::string keep_one() {
    launch("first", reused());
    backend_->attached(sidecar());
    deliver("first", sidecar(), 1);
    backend_->acknowledge({"run", "first", 1});
    return pod();
  }
  std::vector<Kept> kept() const {
    std::vector<Kept> all;
    for (const Report& each : reports_) {
      if (const auto* one = std::get_if<Kept>(&each)) all.push_back(*one);
    }
    return all;
  }

  test::TempDir files_;
  boost::asio::io_context strand_;
  MadeUpHub hub_;
  MadeUpPods pods_;
  std::vector<Report> reports_;
  std::vector<std::string> said_;
  std::unique_ptr<PodBackend> backend_;
};

TEST_F(PodBackendTest, AStepIsAPodThatIsGoneWhenItsResultIsCommitted) {
  launch("train");
  ASSERT_THAT(pods_.made, SizeIs(1));
  EXPECT_THAT(hub_.told, IsEmpty()) << "its sidecar is not there yet";
  EXPECT_THAT(hub_.admitted, ElementsAre(pod()));
  backend_->attached(sidecar());
  EXPECT_THAT(hub_.told, ElementsAre("launch train"));
  deliver("train", sidecar());
  ASSERT_THAT(results(), SizeIs(1));
  EXPECT_EQ(results()[0].log.segment, hub_.log.filename());
  EXPECT_THAT(hub_.acknowledged, IsEmpty()) << "not committed yet";
  EXPECT_THAT(pods_.removed, IsEmpty());
  backend_->acknowledge({"run", "train", 1});
  EXPECT_THAT(hub_.acknowledged, ElementsAre(1));
  EXPECT_THAT(pods_.removed, SizeIs(1));
  EXPECT_THAT(hub_.admitted, IsEmpty());
  EXPECT_THAT(hub_.granted, IsEmpty());
}

TEST_F(PodBackendTest, ThePodHasASidecarAndKnowsTheHub) {
  launch("train");
  const json spec = pods_.made.at(0)["spec"];
  EXPECT_EQ(pods_.made.at(0)["metadata"]["labels"][kPodLabel], pod())
      << "by which the ends of its containers are known";
  ASSERT_THAT(spec["containers"], SizeIs(2));
  const auto env = [&](int container, const std::string& name) {
    for (const json& each : spec["containers"][container]["env"])
      if (each["name"] == name) return each.value("value", "");
    return std::string("none");
  };
  EXPECT_EQ(spec["containers"][0]["command"], json({"/scanflow/bin/scanflow-exec", "--serve"}));
  EXPECT_EQ(env(1, "SCANFLOW_HUB"), "tcp://host:4190");
  EXPECT_EQ(env(1, "SCANFLOW_BULK"), "tcp://host:4191");
  EXPECT_EQ(env(1, "SCANFLOW_HUB_KEY"), "hub-key");
  EXPECT_EQ(env(1, "SCANFLOW_SECRET_KEY"), "secret-" + pod());
  EXPECT_EQ(env(1, "SCANFLOW_POD_UID"), pod());
  EXPECT_EQ(env(0, "SCANFLOW_WORKER_SOCKET"), env(1, "SCANFLOW_WORKER_SOCKET"));
  EXPECT_EQ(env(0, "SCANFLOW_SIDECAR_SOCKET"), env(1, "SCANFLOW_SIDECAR_SOCKET"));
}

TEST_F(PodBackendTest, AKeptPodRunsTheNextStepOfItsKind) {
  launch("one", reused());
  backend_->attached(sidecar());
  deliver("one", sidecar(), 1);
  backend_->acknowledge({"run", "one", 1});
  EXPECT_THAT(pods_.removed, IsEmpty());
  launch("two", reused());
  EXPECT_THAT(pods_.made, SizeIs(1));
  EXPECT_THAT(hub_.told, ElementsAre("launch one", "launch two"));
  deliver("two", sidecar(), 2);
  backend_->acknowledge({"run", "two", 1});
  json other = reused();
  other["image"] = "another";
  launch("three", other);
  EXPECT_THAT(pods_.made, SizeIs(2));
  launch("four");
  EXPECT_THAT(pods_.made, SizeIs(3)) << "it does not want a used one";
}

TEST_F(PodBackendTest, WhatDoesNothingNeedsNoPod) {
  auto noop = std::make_shared<protocol::Request>(*request("join"));
  noop->uses = "noop";
  backend_->launch({noop});
  EXPECT_THAT(pods_.made, IsEmpty());
  EXPECT_THAT(results(), SizeIs(1));
}

TEST_F(PodBackendTest, AWornPodIsNotKept) {
  launch("one", reused(2));
  backend_->attached(sidecar());
  deliver("one", sidecar(), 1);
  backend_->acknowledge({"run", "one", 1});
  launch("two", reused(2));
  deliver("two", sidecar(), 2);
  backend_->acknowledge({"run", "two", 1});
  EXPECT_THAT(pods_.removed, SizeIs(1));
}

TEST_F(PodBackendTest, AResultIsTakenOnceAndFromItsOwnPodOnly) {
  launch("one");
  backend_->attached(sidecar());
  const hub::SidecarKey mine = sidecar();
  launch("two");
  deliver("one", sidecar(), 7);  // the second Pod speaks of the first one's
  EXPECT_THAT(results(), IsEmpty());
  EXPECT_THAT(hub_.acknowledged, ElementsAre(7)) << "it shall not say so again";
  deliver("one", mine, 1);
  deliver("one", mine, 2);
  EXPECT_THAT(results(), SizeIs(1));
}

TEST_F(PodBackendTest, APodThatSomebodyElseEndsIsEvictedNotCancelled) {
  launch("train");
  backend_->attached(sidecar());
  protocol::Result result;
  result.id = {"run", "train", 1};
  result.status = result.cause = "cancelled";
  backend_->delivered(sidecar(), 1, result);
  ASSERT_THAT(results(), SizeIs(1));
  EXPECT_EQ(results()[0].status, "failed");
  EXPECT_EQ(results()[0].cause, "evicted");
}

TEST_F(PodBackendTest, TheNextEngineFindsItsPods) {
  launch("train");
  backend_->attached(sidecar());
  hub_.told.clear();
  begin();
  launch("train");
  EXPECT_THAT(pods_.made, SizeIs(1)) << "it is there";
  backend_->attached(sidecar());
  EXPECT_THAT(hub_.told, ElementsAre("launch train"));
  EXPECT_THAT(hub_.granted, SizeIs(1));
  deliver("train", sidecar());
  EXPECT_THAT(results(), SizeIs(1));
}

TEST_F(PodBackendTest, WhereThePortIsTakenItWaitsAndLosesNothing) {
  launch("train");
  hub_.taken = true;
  begin();
  launch("train");
  EXPECT_THAT(results(), IsEmpty());
  EXPECT_THAT(said_, ElementsAre("the port is taken"));
  hub_.taken = false;
  strand_.run_for(std::chrono::milliseconds(700));  // it tries twice a second
  backend_->attached(sidecar());
  EXPECT_THAT(hub_.told, ElementsAre("launch train"));
  EXPECT_THAT(pods_.made, SizeIs(1));
}

TEST_F(PodBackendTest, ARunThatIsCancelledAfterARestartTakesItsPodAlong) {
  launch("train");
  backend_->attached(sidecar());
  hub_.told.clear();
  hub_.taken = true;  // so that it is not known yet which Pod has it
  begin();
  launch("train");
  backend_->stop({"run", "train", 1}, "cancelled");
  EXPECT_THAT(results(), IsEmpty());
  hub_.taken = false;
  strand_.run_for(std::chrono::milliseconds(700));  // it tries twice a second
  backend_->attached(sidecar());
  EXPECT_THAT(hub_.told, ElementsAre("launch train", "cancel train cancelled"));
  EXPECT_THAT(pods_.removed, IsEmpty()) << "it has its grace";
}

TEST_F(PodBackendTest, WhoeverComesIsAskedAboutPodsThatItDoesNotKnow) {
  launch("train");
  const std::string left = pod();
  begin();
  backend_->get_ready();
  ASSERT_THAT(kept(), SizeIs(1));
  EXPECT_EQ(kept()[0].id, (Id{"run", "train", 1}));
  backend_->forget({{"run", "train", 1}});
  EXPECT_THAT(pods_.removed, ElementsAre(left));
}

TEST_F(PodBackendTest, AResultThatComesBeforeItIsAskedForWaits) {
  launch("train");
  backend_->attached(sidecar());
  begin();
  backend_->get_ready();
  deliver("train", sidecar());
  EXPECT_THAT(kept(), SizeIs(2)) << "asked about when it began, and when the result came";
  launch("train");
  EXPECT_THAT(results(), SizeIs(1));
  backend_->acknowledge({"run", "train", 1});
  EXPECT_THAT(hub_.acknowledged, ElementsAre(1));
  EXPECT_THAT(pods_.removed, SizeIs(1));
}

TEST_F(PodBackendTest, AResultThatNobodyWantsIsForgottenWithItsPod) {
  launch("train");
  backend_->attached(sidecar());
  begin();
  backend_->get_ready();
  deliver("train", sidecar());
  backend_->forget({{"run", "train", 1}});
  EXPECT_THAT(hub_.acknowledged, ElementsAre(1));
  EXPECT_THAT(pods_.removed, SizeIs(1));
}

TEST_F(PodBackendTest, PodsThatNobodyNotedAreRemovedAndAttemptsWhosePodsWentAreLost) {
  launch("train");
  pods_.living = {"scanflow-stranger"};
  begin();
  launch("train");
  EXPECT_THAT(pods_.removed, ElementsAre("scanflow-stranger"));
  EXPECT_THAT(pods_.made, SizeIs(1)) << "it may have done half of its work";
  ASSERT_THAT(results(), SizeIs(1));
  EXPECT_EQ(results()[0].cause, "lost");
}

TEST_F(PodBackendTest, WhyAPodCannotBeMadeIsTheAttemptsFailure) {
  pods_.refusal = NotMade{"config", "the image is not here: build it"};
  launch("train");
  ASSERT_THAT(results(), SizeIs(1));
  EXPECT_EQ(results()[0].cause, "config");
  EXPECT_THAT(results()[0].message, HasSubstr("build it"));
  EXPECT_THAT(hub_.admitted, IsEmpty());
  backend_->acknowledge({"run", "train", 1});
}

TEST_F(PodBackendTest, APodOfRootIsRefused) {
  launch("train", {{"template", {{"securityContext", {{"runAsUser", 0}}}}}});
  ASSERT_THAT(results(), SizeIs(1));
  EXPECT_EQ(results()[0].cause, "config");
  EXPECT_THAT(results()[0].message, HasSubstr("does not run as root"));
  EXPECT_THAT(pods_.made, IsEmpty());
  backend_->acknowledge({"run", "train", 1});
}

TEST_F(PodBackendTest, WithoutPodmanOrHubEveryAttemptSaysWhy) {
  pods_.problem = "podman is not here: apt install podman";
  launch("train");
  ASSERT_THAT(results(), SizeIs(1));
  EXPECT_THAT(results()[0].message, HasSubstr("apt install podman"));
  backend_->acknowledge({"run", "train", 1});
  pods_.problem.clear();
  hub_.problem = "the hub cannot listen";
  launch("next");
  ASSERT_THAT(results(), SizeIs(2));
  EXPECT_EQ(results()[1].message, "the hub cannot listen");
  backend_->acknowledge({"run", "next", 1});
  hub_.problem.clear();
  launch("again");
  EXPECT_THAT(pods_.made, SizeIs(1)) << "it is tried anew";
}

TEST_F(PodBackendTest, IsStoppedBeforeAndAfterItBegan) {
  launch("early");
  backend_->stop({"run", "early", 1}, "cancelled");
  ASSERT_THAT(results(), SizeIs(1));
  EXPECT_EQ(results()[0].status, "cancelled");
  EXPECT_THAT(pods_.removed, SizeIs(1));
  backend_->acknowledge({"run", "early", 1});
  launch("late");
  backend_->attached(sidecar());
  backend_->stop({"run", "late", 1}, "timeout");
  EXPECT_EQ(hub_.told.back(), "cancel late timeout");
  EXPECT_THAT(results(), SizeIs(1)) << "it says itself how it ended";
}

TEST_F(PodBackendTest, WhatHasBegunIsStoppedByItsSidecarAlsoWhereThatIsAwayForNow) {
  launch("train");
  backend_->attached(sidecar());
  backend_->detached(sidecar());
  backend_->stop({"run", "train", 1}, "cancelled");
  EXPECT_THAT(results(), IsEmpty()) << "it is not said that it never started";
  EXPECT_THAT(pods_.removed, IsEmpty());
  hub_.told.clear();
  backend_->attached(sidecar());
  EXPECT_THAT(hub_.told, ElementsAre("launch train", "cancel train cancelled"));
}

TEST_F(PodBackendTest, ASidecarWhoseAppHasEndedIsNotStartedAgain) {
  launch("train");
  backend_->attached(sidecar());
  backend_->container_ended({pod(), "step", 137, "", ""});
  backend_->container_ended({pod(), "scanflow-sidecar", 0, "", "nothing runs any more"});
  EXPECT_THAT(pods_.revived, IsEmpty());
}

TEST_F(PodBackendTest, ASidecarThatDiesIsStartedAgain) {
  launch("train");
  backend_->container_ended({pod(), "scanflow-sidecar", 139, "", "oops"});
  EXPECT_THAT(pods_.revived, ElementsAre(pod() + " scanflow-sidecar"));
  EXPECT_THAT(said_, ElementsAre(HasSubstr("oops")));
  EXPECT_THAT(results(), IsEmpty());
}

TEST_F(PodBackendTest, AContainerThatEndsAndSaysNothingFailsItsAttempt) {
  launch("train");
  backend_->attached(sidecar());
  backend_->container_ended({pod(), "step", 137, "oom", "allocating"});
  EXPECT_THAT(results(), IsEmpty()) << "its sidecar may know more";
  for (int i = 0; i < 20 && results().empty(); ++i) strand_.run_one_for(std::chrono::seconds(1));
  ASSERT_THAT(results(), SizeIs(1));
  EXPECT_EQ(results()[0].cause, "oom");
  EXPECT_THAT(results()[0].message, HasSubstr("ran out of memory; last it said: allocating"));
  EXPECT_THAT(pods_.removed, SizeIs(1));
}

TEST_F(PodBackendTest, ASidecarMaySaveWhatAKilledContainerHasLeft) {
  launch_with_checkpoints("train");
  start("train");
  const std::string name = pod();
  backend_->container_ended({name, "step", 137, "oom", "allocating"});
  for (int i = 0; i < 6; ++i) strand_.run_one_for(std::chrono::seconds(1));  // three seconds
  EXPECT_THAT(results(), IsEmpty()) << "its sidecar is at work";
  protocol::Result gone;
  gone.id = {"run", "train", 1};
  gone.cause = protocol::kWorkerGone;
  gone.log.length = 7;
  gone.post_mortem = R"({"summary": "it grew"})";
  backend_->delivered(sidecar(), 4, gone);
  for (int i = 0; i < 4 && results().empty(); ++i) strand_.run_one_for(std::chrono::seconds(1));
  ASSERT_THAT(results(), SizeIs(1));
  EXPECT_EQ(results()[0].cause, "oom") << "the container's end says why";
  EXPECT_EQ(results()[0].log.length, 7u);
  EXPECT_EQ(results()[0].post_mortem, gone.post_mortem);
  EXPECT_THAT(hub_.acknowledged, IsEmpty()) << "not before it is committed";
  EXPECT_THAT(pods_.removed, IsEmpty()) << "its sidecar waits to hear that";
  backend_->acknowledge(gone.id);
  EXPECT_THAT(hub_.acknowledged, ElementsAre(4u));
  EXPECT_THAT(pods_.removed, ElementsAre(name));
}

TEST_F(PodBackendTest, OnceAllIsSavedAContainersEndIsEnough) {
  launch_with_checkpoints("train");
  start("train");
  protocol::Result gone;
  gone.id = {"run", "train", 1};
  gone.cause = protocol::kWorkerGone;
  backend_->delivered(sidecar(), 4, gone);
  EXPECT_THAT(results(), IsEmpty()) << "why is not known yet";
  backend_->container_ended({pod(), "step", 139, "", "oops"});
  for (int i = 0; i < 2 && results().empty(); ++i) strand_.run_one_for(std::chrono::seconds(1));
  ASSERT_THAT(results(), SizeIs(1));
  EXPECT_EQ(results()[0].cause, "crash");
}

TEST_F(PodBackendTest, WhatWaitsForAStepIsRemovedWhenItsTimeIsOverOrTheEngineEnds) {
  json briefly = reused();
  briefly["reuse"]["idle_us"] = 1;
  launch("one", briefly);
  backend_->attached(sidecar());
  deliver("one", sidecar());
  backend_->acknowledge({"run", "one", 1});
  for (int i = 0; i < 20 && pods_.removed.empty(); ++i)
    strand_.run_one_for(std::chrono::seconds(1));
  EXPECT_THAT(pods_.removed, SizeIs(1));
  launch("two", reused());
  backend_->attached(sidecar());
  deliver("two", sidecar());
  backend_->acknowledge({"run", "two", 1});
  EXPECT_THAT(pods_.removed, SizeIs(1));
  backend_.reset();
  EXPECT_THAT(pods_.removed, SizeIs(2));
}

TEST_F(PodBackendTest, SaysWhichPodAnAttemptIsGivenToAndHowManyHadItBefore) {
  const std::string kept = keep_one();
  launch("second", reused());
  EXPECT_THAT(places(), ElementsAre("first " + kept + " 1", "second " + kept + " 2"));
  const auto placed = std::find_if(reports_.begin(), reports_.end(), [](const Report& each) {
    return std::holds_alternative<Placed>(each);
  });
  EXPECT_EQ(std::get<Placed>(*placed).node, "machine");
  reports_.clear();
  begin();
  launch("second", reused());
  EXPECT_THAT(places(), ElementsAre("second " + kept + " 2")) << "the next engine says it too";
}

TEST_F(PodBackendTest, ListsItsPodsWithThoseThatWaitForAStep) {
  const std::string kept = keep_one();
  launch("other");
  const auto all = backend_->pods();
  ASSERT_THAT(all, SizeIs(2));
  const auto& idle = all[0].name == kept ? all[0] : all[1];
  const auto& busy = all[0].name == kept ? all[1] : all[0];
  EXPECT_FALSE(idle.attempt);
  EXPECT_EQ(idle.uses, 1u);
  EXPECT_EQ(idle.most_uses, 10u);
  EXPECT_EQ(idle.most_idle_us, 60'000'000);
  EXPECT_EQ(idle.node, "machine");
  EXPECT_EQ(busy.attempt, (Id{"run", "other", 1}));
  EXPECT_EQ(busy.idle_us, 0);
}

TEST_F(PodBackendTest, AKeptPodThatIsSilentOrGoneIsNotKeptAnyLonger) {
  for (const bool silent : {true, false}) {
    const std::string kept = keep_one();
    if (silent) {
      backend_->suspected({kept, kept});
    } else {
      backend_->detached({kept, kept});
    }
    EXPECT_EQ(pods_.removed.back(), kept);
    launch("second", reused());
    EXPECT_NE(pod(), kept);
    backend_->attached(sidecar());
    deliver("second", sidecar(), 2);
    backend_->acknowledge({"run", "second", 1});
    backend_->suspected(sidecar());
  }
}

TEST_F(PodBackendTest, AStepThatDoesNotBeginInAKeptPodGetsOneOfItsOwn) {
  const std::vector<std::function<void(const std::string&)>> ways{
      [&](const std::string& kept) {
        backend_->suspected({kept, kept});
      },
      [&](const std::string& kept) {
        backend_->detached({kept, kept});
      },
      [&](const std::string& kept) {
        backend_->container_ended({kept, kSidecarContainer, 137, "", ""});
      },
      [&](const std::string& kept) {
        backend_->container_ended({kept, kAppContainer, 137, "", ""});
      }};
  for (const auto& way : ways) {
    const std::string kept = keep_one();
    launch("second", reused());
    ASSERT_EQ(pod(), kept);
    hub_.told.clear();
    way(kept);
    EXPECT_NE(pod(), kept);
    EXPECT_EQ(pods_.removed.back(), kept);
    EXPECT_EQ(places().back(), "second " + pod() + " 1");
    EXPECT_THAT(said_.back(), HasSubstr("does not answer"));
    deliver("second", {kept, kept}, 7);
    EXPECT_EQ(results().size() % 2, 1u) << "it is not its any more";
    backend_->attached(sidecar());
    EXPECT_THAT(hub_.told, ElementsAre("launch second"));
    deliver("second", sidecar(), 2);
    EXPECT_EQ(results().size() % 2, 0u);
    backend_->acknowledge({"run", "second", 1});
    backend_->detached(sidecar());
  }
}

TEST_F(PodBackendTest, AStepThatIsStoppedInASilentKeptPodNeedsNoOther) {
  const std::string kept = keep_one();
  launch("second", reused());
  backend_->stop({"run", "second", 1}, "cancelled");
  backend_->suspected({kept, kept});
  ASSERT_THAT(results(), SizeIs(2));
  EXPECT_EQ(results()[1].status, "cancelled");
  EXPECT_THAT(results()[1].message, HasSubstr("did not answer"));
  EXPECT_THAT(pods_.made, SizeIs(1));
  EXPECT_THAT(pods_.living, IsEmpty());
}

TEST_F(PodBackendTest, AStepThatHasBegunInAKeptPodStaysThere) {
  const std::string kept = keep_one();
  launch("second", reused());
  protocol::Started started;
  started.id = {"run", "second", 1};
  backend_->said({kept, kept}, started);
  backend_->suspected({kept, kept});
  backend_->detached({kept, kept});
  EXPECT_THAT(pods_.made, SizeIs(1));
  EXPECT_THAT(pods_.removed, IsEmpty());
}

// --- gangs: what Gangs makes of a step with replicas

class GangInPodsTest : public PodBackendTest {
 protected:
  void launch_gang() {
    std::vector<RequestPtr> ranks;
    for (const char* step : {"train", "train@1"}) {
      auto one = std::make_shared<protocol::Request>(*request(step));
      one->replicas = 2;
      ranks.push_back(one);
    }
    backend_->launch(std::move(ranks));
  }
  static hub::SidecarKey key(const std::string& pod) { return {pod, pod}; }
};

TEST_F(GangInPodsTest, NobodyBeginsBeforeAllAreThere) {
  launch_gang();
  ASSERT_THAT(pods_.living, SizeIs(2));
  backend_->attached(key(pods_.living[1]));
  EXPECT_THAT(hub_.told, IsEmpty());
  backend_->attached(key(pods_.living[0]));
  EXPECT_THAT(hub_.told, ElementsAre("launch train", "launch train@1"));
  EXPECT_EQ(hub_.launched.env.at("MASTER_ADDR"), "address of " + pods_.living[0]);
  EXPECT_EQ(hub_.launched.env.at("MASTER_PORT"), "29500");
  hub_.told.clear();
  backend_->attached(key(pods_.living[1]));
  EXPECT_THAT(hub_.told, ElementsAre("launch train@1")) << "it alone has a new session";
}

TEST_F(GangInPodsTest, OneThatWaitsCanBeStopped) {
  launch_gang();
  backend_->attached(key(pods_.living[0]));
  backend_->stop({"run", "train", 1}, "cancelled");
  ASSERT_THAT(results(), SizeIs(1));
  EXPECT_EQ(results()[0].status, "cancelled");
  EXPECT_THAT(pods_.living, SizeIs(1)) << "its Pod is not held";
  backend_->attached(key(pods_.living[0]));
  EXPECT_THAT(hub_.told, IsEmpty()) << "the other one is not told to begin";
}

TEST_F(GangInPodsTest, WithoutTheAddressOfRankZeroItFails) {
  pods_.no_address = "the server does not answer";
  launch_gang();
  for (const std::string& pod : pods_.living) backend_->attached(key(pod));
  ASSERT_THAT(results(), SizeIs(1));
  EXPECT_EQ(results()[0].cause, "retryable");
  EXPECT_EQ(results()[0].message, "its ranks cannot find each other: the server does not answer");
}

TEST_F(GangInPodsTest, AnAddressThatCannotBeHadLaterHarmsNobody) {
  launch_gang();
  for (const std::string& pod : pods_.living) backend_->attached(key(pod));
  pods_.no_address = "the server does not answer";
  hub_.told.clear();
  backend_->attached(key(pods_.living[1]));
  EXPECT_THAT(hub_.told, ElementsAre("launch train@1")) << "it is known";
  begin();
  launch_gang();
  for (const std::string& pod : pods_.living) backend_->attached(key(pod));
  EXPECT_THAT(results(), IsEmpty()) << "also after a restart, when they have begun long ago";
}

TEST_F(GangInPodsTest, AnEngineThatWasKilledBeforeAllWereThereGathersThemAnew) {
  launch_gang();
  backend_->attached(key(pods_.living[0]));
  begin();
  launch_gang();
  backend_->attached(key(pods_.living[0]));
  EXPECT_THAT(hub_.told, IsEmpty()) << "the other one is not there yet";
  backend_->attached(key(pods_.living[1]));
  EXPECT_THAT(hub_.told, ElementsAre("launch train", "launch train@1"));
}

TEST_F(GangInPodsTest, WherePodsDoNotMeetNoneIsMade) {
  pods_.traits.meet = false;
  launch_gang();
  EXPECT_THAT(pods_.made, IsEmpty());
  ASSERT_THAT(results(), SizeIs(2));
  EXPECT_EQ(results()[0].cause, "config");
  EXPECT_THAT(results()[0].message, HasSubstr("--backend local"));
}

TEST_F(GangInPodsTest, ALaterEngineGoesOnWithAll) {
  launch_gang();
  for (const std::string& pod : pods_.living) backend_->attached(key(pod));
  begin();
  hub_.told.clear();
  launch_gang();
  EXPECT_THAT(pods_.made, SizeIs(2)) << "they are found";
  for (const std::string& pod : pods_.living) backend_->attached(key(pod));
  EXPECT_THAT(hub_.told, ElementsAre("launch train", "launch train@1"));
  deliver("train@1", key(pods_.living[1]));
  EXPECT_THAT(results(), SizeIs(1));
}

}  // namespace
}  // namespace scanflow::backend
