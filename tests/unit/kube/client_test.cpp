// The client against an API server that behaves as a real one was recorded to.
#include "engine/kube/client.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "engine/kube/access.hpp"
#include "tests/support/kube/server.hpp"

namespace scanflow::kube {
namespace {

using test::kube::Fault;
using test::kube::KubeServer;
using testing::HasSubstr;

class ClientTest : public testing::Test {
 protected:
  static Client::Means quick() {
    Client::Means means = Client::usual();
    means.rate = {.per_s = 10'000, .burst = 10'000};
    means.repeat.first_us = 1'000;
    means.repeat.longest_us = 5'000;
    return means;
  }
  std::shared_ptr<Client> client(const std::string& kubeconfig, Client::Means means = quick()) {
    auto access = read_kubeconfig({{"/test/config", kubeconfig}}, "");
    if (!access) throw std::runtime_error(access.error().message);
    auto made = Client::open(std::move(*access), std::move(means));
    if (!made) throw std::runtime_error(made.error().message);
    return *made;
  }
  std::shared_ptr<Client> admin() { return client(server_.kubeconfig(server_.admin_token())); }
  static json config_map(const std::string& name) {
    return {{"apiVersion", "v1"},
            {"kind", "ConfigMap"},
            {"metadata", {{"name", name}}},
            {"data", {{"n", "0"}}}};
  }
  KubeServer server_;
};

TEST_F(ClientTest, CreatesReadsChangesAndRemovesAnyObject) {
  const auto api = admin();
  const auto made = api->create(kinds::kConfigMap, "default", config_map("a"));
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(
      api->create(kinds::kConfigMap, "default", config_map("a")).error().is("AlreadyExists"));
  const auto patched =
      api->patch(kinds::kConfigMap, "default", "a", Patch::merge, {{"data", {{"n", "1"}}}});
  ASSERT_TRUE(patched) << patched.error().message;
  EXPECT_EQ((*patched)["data"]["n"], "1");
  EXPECT_TRUE(api->replace(kinds::kConfigMap, "default", *made).error().is("Conflict"))
      << "it is an old version";
  const auto updated = api->update(kinds::kConfigMap, "default", "a", [](json& object) {
    object["data"]["n"] = "2";
    return true;
  });
  ASSERT_TRUE(updated) << updated.error().message;
  EXPECT_EQ((*api->get(kinds::kConfigMap, "default", "a"))["data"]["n"], "2");
  json applied = config_map("a");
  applied["data"] = {{"m", "9"}};
  EXPECT_TRUE(
      api->patch(kinds::kConfigMap, "default", "a", Patch::apply, applied, {.force = true}));
  ASSERT_TRUE(api->remove(kinds::kConfigMap, "default", "a"));
  EXPECT_TRUE(api->remove(kinds::kConfigMap, "default", "a")) << "what is gone is removed";
  EXPECT_TRUE(api->get(kinds::kConfigMap, "default", "a").error().is("NotFound"));
}

TEST_F(ClientTest, RemovesNoOtherObjectOfTheSameName) {
  const auto api = admin();
  ASSERT_TRUE(api->create(kinds::kConfigMap, "default", config_map("a")));
  EXPECT_TRUE(api->remove(kinds::kConfigMap, "default", "a", {.uid = "another"}));
  EXPECT_TRUE(api->get(kinds::kConfigMap, "default", "a")) << "it is still there";
}

TEST_F(ClientTest, AnUpdateIsDoneAgainUntilNobodyCameBetween) {
  const auto api = admin();
  ASSERT_TRUE(api->create(kinds::kConfigMap, "default", config_map("a")));
  std::vector<std::thread> all;
  std::atomic<int> failed{0};
  for (int i = 0; i < 4; ++i) {
    all.emplace_back([&] {
      for (int k = 0; k < 5; ++k) {
        const auto done = api->update(kinds::kConfigMap, "default", "a", [](json& object) {
          object["data"]["n"] =
              std::to_string(std::stoi(object["data"]["n"].get<std::string>()) + 1);
          return true;
        });
        if (!done) ++failed;
      }
    });
  }
  for (std::thread& each : all) each.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ((*api->get(kinds::kConfigMap, "default", "a"))["data"]["n"], "20");
}

TEST_F(ClientTest, ListsAllPagesAlsoWhereTheyExpire) {
  for (int i = 0; i < 1'100; ++i) {
    json object = config_map("c-" + std::to_string(i));
    object["metadata"]["labels"] = {{"odd", i % 2 == 0 ? "no" : "yes"}};
    object["metadata"]["namespace"] = "default";
    server_.create(object);
  }
  const auto api = admin();
  const auto all = api->list(kinds::kConfigMap, "default");
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->items.size(), 1'100u);
  EXPECT_FALSE(all->version.empty());
  EXPECT_EQ(api->list(kinds::kConfigMap, "default", {.labels = "odd=yes"})->items.size(), 550u);
  server_.add_fault(
      {.verb = "list", .resource = "configmaps", .times = 1, .after = 1, .status = 410});
  EXPECT_EQ(api->list(kinds::kConfigMap, "default")->items.size(), 1'100u) << "it was listed anew";
}

TEST_F(ClientTest, GoesOnThroughFaults) {
  const auto api = admin();
  for (const int status : {429, 500, 503})
    server_.add_fault({.probability = 0.1, .status = status});
  server_.add_fault({.kind = Fault::Kind::close_before, .probability = 0.1});
  server_.add_fault({.kind = Fault::Kind::close_after, .probability = 0.1});
  for (int i = 0; i < 100; ++i) {
    const auto made =
        api->create(kinds::kConfigMap, "default", config_map("f-" + std::to_string(i)));
    ASSERT_TRUE(made || made.error().is("AlreadyExists")) << made.error().message;
  }
  server_.clear_faults();
  EXPECT_EQ(api->list(kinds::kConfigMap, "default")->items.size(), 100u);
}

TEST_F(ClientTest, WaitsAsLongAsAServerAsks) {
  const auto api = admin();
  server_.add_fault({.times = 1, .status = 429, .retry_after_s = 1});
  const std::int64_t begun_us = api->means().monotonic_us();
  EXPECT_TRUE(api->list(kinds::kConfigMap, "default"));
  EXPECT_GE(api->means().monotonic_us() - begun_us, 1'000'000);
}

TEST_F(ClientTest, KeepsToItsRate) {
  Client::Means means = quick();
  means.rate = {.per_s = 50, .burst = 5};
  const auto api = client(server_.kubeconfig(server_.admin_token()), means);
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(api->list(kinds::kConfigMap, "default"));
  EXPECT_LE(server_.counters().most_in_a_second, 56u);
}

TEST_F(ClientTest, IsKnownByACertificateOrAToken) {
  EXPECT_TRUE(client(server_.kubeconfig(server_.client_certificate("root", {"system:masters"})))
                  ->list(kinds::kPod, "default"));
  const auto nobody = client(server_.kubeconfig("wrong"))->list(kinds::kPod, "default");
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, 401);
  const auto stranger =
      client(server_.kubeconfig(server_.add_user("stranger")))->list(kinds::kPod, "default");
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error().code, 403);
  EXPECT_THAT(stranger.error().message,
              HasSubstr("User \"stranger\" cannot list resource \"pods\""));
}

TEST_F(ClientTest, BelievesNobodyElse) {
  const KubeServer other;
  std::string text = server_.kubeconfig(server_.admin_token());
  text.replace(text.find(server_.url()), server_.url().size(), other.url());
  const auto answer = client(text)->list(kinds::kPod, "default");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, 0);
  EXPECT_THAT(answer.error().message, testing::AllOf(HasSubstr("its certificate is not believed"),
                                                     HasSubstr("certificate-authority")));
  EXPECT_EQ(server_.counters().count(), 0u);
}

TEST_F(ClientTest, SaysThatNobodyIsThere) {
  std::string text = server_.kubeconfig(server_.admin_token());
  text.replace(text.find(server_.url()), server_.url().size(), "https://127.0.0.1:1");
  const auto answer = client(text)->list(kinds::kPod, "default");
  ASSERT_FALSE(answer);
  EXPECT_THAT(
      answer.error().message,
      testing::AllOf(HasSubstr("https://127.0.0.1:1 cannot be reached"), HasSubstr("refused")));
}

TEST_F(ClientTest, IsStoppedWhereverItWaits) {
  const auto api = admin();
  server_.add_fault({.kind = Fault::Kind::slow, .delay = std::chrono::seconds(60)});
  std::stop_source stop;
  std::jthread stops([&] { stop.request_stop(); });
  const auto answer = api->list(kinds::kPod, "default", {}, stop.get_token());
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().stopped());
}

}  // namespace
}  // namespace scanflow::kube
