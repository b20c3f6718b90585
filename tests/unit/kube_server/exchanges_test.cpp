// Exchanges with a real API server, made again with this one: status, content type and body are the
// same, apart from what names a moment or a machine.
#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "tests/support/kube_recordings.hpp"
#include "tests/unit/kube_server/client.hpp"
#include "tests/unit/kube_server/manifests.hpp"

namespace scanflow::test::kube {
namespace {

struct Recorded {
  std::string method = "GET", target, body, type;  // what was asked
  Given given;
};

/// curl's arguments, in the first line.
void read_request(const std::string& line, Recorded& recorded) {
  std::istringstream words(line.substr(4));
  std::string word;
  while (words >> word) {
    if (word == "-X") words >> recorded.method;
    if (word == "--max-time") words >> word;
    if (word == "-H") words >> word >> recorded.type;
    if (word == "-d") {
      std::getline(words, recorded.body);
      const std::size_t path = recorded.body.rfind(" /");
      recorded.target = recorded.body.substr(path + 1);
      recorded.body = recorded.body.substr(1, path - 1);
    } else if (word.starts_with('/')) {
      recorded.target = word;
    }
  }
}

std::optional<Recorded> read_exchange(const std::string& name) {
  const char* kube = std::getenv("SCANFLOW_KUBE");
  if (kube == nullptr) return std::nullopt;
  std::ifstream file(std::string(kube) + "/fixtures/http." + name + ".txt");
  if (!file) return std::nullopt;
  Recorded recorded;
  std::string line;
  while (std::getline(file, line)) {
    if (line.ends_with('\r')) line.pop_back();
    const std::size_t colon = line.find(": ");
    if (line.starts_with("### ")) {
      read_request(line, recorded);
    } else if (line.starts_with("HTTP/2 ")) {
      recorded.given.status = std::stoi(line.substr(7));
    } else if (line.empty()) {
      break;
    } else {
      recorded.given.headers[line.substr(0, colon)] = line.substr(colon + 2);
    }
  }
  std::ostringstream rest;
  rest << file.rdbuf();
  recorded.given.text = rest.str();
  return recorded;
}

/// What names a moment, a machine, or what this server says in fewer words.
void forget(json& value) {
  if (value.is_array()) {
    // One distribution's own: not of Kubernetes.
    value.erase(std::remove_if(value.begin(), value.end(),
                               [](const json& one) {
                                 return one.is_object() && one.contains("configMap") &&
                                        one["configMap"].value("name", "").starts_with("openshift");
                               }),
                value.end());
  }
  if (value.is_object()) {
    for (const char* member : {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp",
                               "lastTransitionTime", "managedFields", "continue"})
      value.erase(member);
    if (value.value("name", json()).is_string() &&
        value["name"].get<std::string>().starts_with("kube-api-access-"))
      value["name"] = "kube-api-access";
  }
  if (value.is_structured()) {
    for (json& inner : value) forget(inner);
  }
}

json what_counts(json value) {
  forget(value);
  return value;
}

class ExchangesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("SCANFLOW_KUBE") == nullptr) GTEST_SKIP() << kNoRecordings;
    server_.create(namespace_of("fx"));
  }

  static Recorded recorded(const std::string& name) {
    const auto read = read_exchange(name);
    if (!read) throw std::runtime_error("there is no recording of " + name);
    return *read;
  }
  /// Makes what the recording asks for.
  Given again(const Recorded& recorded) {
    return client_.send(recorded.method, recorded.target, recorded.body, recorded.type);
  }
  void is_the_same(const std::string& name) {
    const Recorded real = recorded(name);
    const Given ours = again(real);
    EXPECT_EQ(ours.status, real.given.status) << name << ": " << ours.text;
    EXPECT_EQ(ours.headers.at("content-type"), real.given.headers.at("content-type")) << name;
    EXPECT_EQ(what_counts(ours.body()).dump(1), what_counts(real.given.body()).dump(1)) << name;
  }

  KubeServer server_;
  Client client_{server_, server_.admin_token()};
};

TEST_F(ExchangesTest, PodsAreMadeRefusedAndRemoved) {
  is_the_same("201-dryrun");
  is_the_same("201-create-pod");
  is_the_same("409-already-exists");
  const std::string path = "/api/v1/namespaces/fx/pods/dup";
  json pod = server_.get(path);
  const json real = recorded("200-delete-pod").given.body();
  pod["status"] = real["status"];  // as the scheduler left it
  ASSERT_EQ(server_.ask("PUT", path + "/status", pod).status, 200);
  is_the_same("200-delete-pod");
  EXPECT_TRUE(server_.get(path).is_null());
  is_the_same("422-invalid");
  is_the_same("400-malformed");
  is_the_same("404-missing");
}

TEST_F(ExchangesTest, ConfigMapsArePatchedAndApplied) {
  json map = map_of("cm", {{"a", "1"}});
  map["metadata"]["namespace"] = "fx";
  server_.create(map);
  is_the_same("409-conflict-put");
  is_the_same("200-merge-patch");
  is_the_same("415-bad-patch-type");
  is_the_same("200-server-side-apply");
  is_the_same("409-ssa-conflict");
  is_the_same("201-lease");
}

TEST_F(ExchangesTest, TheFieldsThatAManagerOwnsAreTheSame) {
  const Recorded real = recorded("200-server-side-apply");
  json ours = again(real).body()["metadata"]["managedFields"];
  json theirs = real.given.body()["metadata"]["managedFields"];
  ASSERT_EQ(ours.size(), 1u);
  ours[0].erase("time");
  theirs[0].erase("time");
  EXPECT_EQ(ours, theirs);
}

TEST_F(ExchangesTest, ADeploymentIsScaled) {
  server_.create(
      {{"apiVersion", "apps/v1"},
       {"kind", "Deployment"},
       {"metadata", {{"name", "web"}, {"namespace", "fx"}}},
       {"spec",
        {{"replicas", 1},
         {"selector", {{"matchLabels", {{"app", "web"}}}}},
         {"template",
          {{"metadata", {{"labels", {{"app", "web"}}}}}, {"spec", pod_of("web")["spec"]}}}}}});
  const std::string path = "/apis/apps/v1/namespaces/fx/deployments/web";
  json deployment = server_.get(path);
  deployment["status"]["replicas"] = 1;
  ASSERT_EQ(server_.ask("PUT", path + "/status", deployment).status, 200);
  is_the_same("200-scale-patch");
  is_the_same("scale-get");
}

TEST_F(ExchangesTest, VersionsThatAreForgottenAndPages) {
  is_the_same("410-bad-continue");
  const json real = recorded("list-page1").given.body();
  for (json pod : real["items"]) {
    pod["kind"] = "Pod";
    pod["apiVersion"] = "v1";
    server_.with([&](Cluster& cluster) { cluster.store.put(cluster.known.core("pods"), pod); });
  }
  for (int more = 0; more < 8; ++more) {
    json pod = pod_of("other-" + std::to_string(more));
    pod["metadata"]["namespace"] = "fx";
    server_.create(pod);
  }
  is_the_same("list-page1");
  server_.compact();
  const Recorded gone = recorded("410-gone-watch");
  const auto watch = client_.watch(gone.target);
  const json ours = json::parse(watch->line().value());
  json theirs = json::parse(gone.given.text);
  EXPECT_THAT(ours["object"]["message"].get<std::string>(),
              testing::MatchesRegex("too old resource version: 1 \\([0-9]+\\)"));
  theirs["object"]["message"] = ours["object"]["message"];
  EXPECT_EQ(ours, theirs);
  EXPECT_EQ(watch->line(), std::nullopt);
}

TEST_F(ExchangesTest, WhoMayNotAndTheVersion) {
  is_the_same("version");
  const Given unknown = Client(server_, "nobody's").ask("GET", "/api/v1/namespaces/fx/pods");
  EXPECT_EQ(unknown.status, 401);
  EXPECT_EQ(unknown.body(), recorded("401-unauthorized").given.body());
  const Client account(server_, server_.add_user("system:serviceaccount:fx:default"));
  const Given refused = account.ask("GET", "/api/v1/namespaces/fx/pods");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.body(), recorded("403-forbidden").given.body());
}

}  // namespace
}  // namespace scanflow::test::kube
