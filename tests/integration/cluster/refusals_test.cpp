// What a cluster refuses, and what keeps a Pod from running there: each is said with its fix.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/socket.h>

#include "sdk/base/unique_fd.hpp"
#include "tests/support/kube/kubelet.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

class Cluster : public testing::Test {
 protected:
  Cluster() { use(server_.kubeconfig(server_.admin_token())); }
  void use(const std::string& kubeconfig) { config_ = files_.write("kubeconfig", kubeconfig); }
  std::unique_ptr<Program> start(const std::string& step, std::vector<std::string> more = {}) {
    const std::string pipeline = scanflow_.files().write(
        "p.yaml",
        "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nsteps:\n  - {name: a, " +
            step + "}\n");
    std::vector<std::string> arguments = {"run",        pipeline,          "--backend",
                                          "kubernetes", "--hub-advertise", "10.0.0.1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return scanflow_.start(arguments, {{"KUBECONFIG", config_}});
  }
  Output run(const std::string& step = "run: 'true'", std::vector<std::string> more = {}) {
    return start(step, std::move(more))->wait();
  }
  /// Of the step, after a run.
  json error() {
    const json runs = json::parse(scanflow_({"runs", "list", "-o", "json"}).out);
    const json run = json::parse(
        scanflow_({"runs", "show", runs.at(0).at("run").get<std::string>(), "-o", "json"}).out);
    return run.at("steps").at(0).at("error");
  }
  std::string why(const std::string& step = "run: 'true'") {
    const Output output = run(step);
    EXPECT_EQ(output.exit, 1) << output.out << output.err;
    const json told = error();
    return told.value("cause", "") + ": " + told.value("message", "");
  }
  json all_pods() {
    return json::parse(server_.ask("GET", "/api/v1/namespaces/default/pods").text)
        .value("items", json::array());
  }
  std::size_t pods() { return all_pods().size(); }
  /// Its name, once there is one.
  std::string running_pod() {
    std::string name;
    EXPECT_TRUE(eventually([&] {
      for (const json& pod : all_pods()) {
        if (pod["status"].value("phase", "") == "Running") name = pod["metadata"]["name"];
      }
      return !name.empty();
    }));
    return name;
  }

  const TempDir files_;
  kube::KubeServer server_;
  Scanflow scanflow_;
  std::string config_;
};

TEST_F(Cluster, WithoutOneOrAWayBackSaysSo) {
  const auto unknown = [&](std::vector<std::string> arguments, Program::Environment environment) {
    const std::string pipeline =
        scanflow_.files().write("p.yaml",
                                "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: "
                                "p}\nsteps: [{name: a, run: 'true'}]\n");
    arguments.insert(arguments.begin(), {"run", pipeline, "--backend", "kubernetes"});
    scanflow_.start(arguments, environment)->wait();
    return error().value("message", "");
  };
  EXPECT_THAT(unknown({}, {{"KUBECONFIG", config_}}), HasSubstr("--hub-advertise ADDRESS"));
  EXPECT_THAT(unknown({"--hub-advertise", "127.0.0.1"}, {{"KUBECONFIG", config_}}),
              HasSubstr("for a Pod that is the Pod itself"));
  EXPECT_THAT(unknown({"--hub-advertise", "10.0.0.1"}, {{"HOME", files_.path().string()}}),
              HasSubstr("no cluster is known"));
  EXPECT_THAT(
      unknown({"--hub-advertise", "10.0.0.1", "--kube-context", "prod"}, {{"KUBECONFIG", config_}}),
      HasSubstr("there is no context 'prod'"));
}

TEST_F(Cluster, WhoIsNotKnownOrMayNotIsToldWhatIsMissing) {
  use(server_.kubeconfig("no such token"));
  EXPECT_THAT(why(), AllOf(HasSubstr("config: cannot ask for the cluster's version"),
                           HasSubstr("kubectl auth whoami")));
  use(server_.kubeconfig(server_.add_user("stranger")));
  EXPECT_THAT(why(), AllOf(HasSubstr("cannot create ConfigMap default/scanflow-"),
                           HasSubstr("scanflow kube check")));
  const Output check = scanflow_.start({"kube", "check"}, {{"KUBECONFIG", config_}})->wait();
  EXPECT_EQ(check.exit, 3);
  EXPECT_THAT(check.out,
              AllOf(HasSubstr("stranger"), HasSubstr("create,get,list,watch,delete pods"),
                    HasSubstr("install --render")));
}

TEST_F(Cluster, CheckSaysThatAllIsWell) {
  const Output check =
      scanflow_.start({"kube", "check", "-o", "json"}, {{"KUBECONFIG", config_}})->wait();
  EXPECT_EQ(check.exit, 0) << check.out << check.err;
  const json document = json::parse(check.out);
  EXPECT_EQ(document["ready"], true);
  EXPECT_EQ(document["findings"].size(), 4u) << document;
}

TEST_F(Cluster, ANamespaceThatIsNotThereOrGoesIsNamed) {
  EXPECT_THAT(run("run: 'true'", {"--kube-namespace", "gone"}).exit, 1);
  EXPECT_THAT(
      error()["message"].get<std::string>(),
      AllOf(HasSubstr("namespaces \"gone\" not found"), HasSubstr("kubectl create namespace")));
  server_.create(
      {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "leaving"}}}});
  server_.create({{"apiVersion", "v1"},
                  {"kind", "ConfigMap"},
                  {"metadata",
                   {{"name", "stays"}, {"namespace", "leaving"}, {"finalizers", {"test/stays"}}}}});
  server_.ask("DELETE", "/api/v1/namespaces/leaving");
  EXPECT_EQ(run("run: 'true'", {"--kube-namespace", "leaving"}).exit, 1);
  EXPECT_THAT(error()["message"].get<std::string>(),
              AllOf(HasSubstr("is being terminated"), HasSubstr("use another one")));
}

TEST_F(Cluster, WhatAnAdmissionWebhookDeniesIsQuoted) {
  server_.with([](kube::Cluster& cluster) {
    cluster.webhooks.push_back({"images.example.com", [](const std::string&, const json& object) {
                                  return object.value("kind", "") == "Pod"
                                             ? std::string("images come from registry.example.com")
                                             : "";
                                }});
  });
  EXPECT_THAT(why(), AllOf(HasSubstr("config: cannot create Pod default/scanflow-"),
                           HasSubstr("images.example.com"),
                           HasSubstr("images come from registry.example.com")));
  EXPECT_EQ(pods(), 0u);
}

/// That nobody listens on just now.
std::string free_address() {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size);
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return fmt::format("127.0.0.1:{}", ntohs(address.sin_port));
}

TEST_F(Cluster, OfTwoServersOneIsTheEngineAndTheOtherTakesOver) {
  const auto serve = [&](const std::string& address) {
    return scanflow_.start({"server", "--listen", address, "--lease", "default/engine"},
                           {{"KUBECONFIG", config_}});
  };
  const auto says = [](const Program& server, const char* words) {
    return eventually([&] { return server.err().find(words) != std::string::npos; },
                      std::chrono::seconds(30));
  };
  const auto is_ready = [&](const std::string& address) {
    return eventually([&] {
      return scanflow_({"server", "--ready", "--listen", address}).exit == 0;
    });
  };
  const std::string first_at = free_address(), second_at = free_address();
  auto first = serve(first_at);
  ASSERT_TRUE(says(*first, "leads, in term 1")) << first->err();
  EXPECT_TRUE(is_ready(first_at)) << first->err();
  auto second = serve(second_at);
  ASSERT_TRUE(says(*second, "waits: the lease is held by")) << second->err();
  EXPECT_TRUE(is_ready(second_at)) << "a standby is as it should be";
  EXPECT_THAT(scanflow_({"runs", "list", "--server", "http://" + second_at}).err,
              HasSubstr("another one is the engine"));
  first->signal(SIGKILL);
  first->wait();
  ASSERT_TRUE(says(*second, "leads, in term 2")) << second->err();
  EXPECT_TRUE(is_ready(second_at)) << second->err();
  // The API server is away for longer than the lease may be held without it.
  server_.add_fault({.resource = "leases", .status = 500});
  EXPECT_EQ(second->wait(std::chrono::seconds(30)).exit, 3);
  EXPECT_THAT(second->err(), HasSubstr("the lease is lost"));
}

TEST_F(Cluster, StepsPassTheRestrictedPodSecurityStandard) {
  server_.ask("PATCH", "/api/v1/namespaces/default",
              {{"metadata", {{"labels", {{"pod-security.kubernetes.io/enforce", "restricted"}}}}}},
              "application/merge-patch+json");
  kube::Kubelet kubelet(server_);
  kubelet.script({.pod = "*", .exits = {{"step", 3}}});
  EXPECT_THAT(why(), HasSubstr("exit: the Pod's container ended with exit code 3")) << "it ran";
  EXPECT_THAT(
      why("run: 'true', volumes: [{path: /data, host_path: /srv}]"),
      AllOf(HasSubstr("config: "), HasSubstr("violates PodSecurity"), HasSubstr("hostPath")));
}

TEST_F(Cluster, WhatKeepsAPodFromItsStartIsTold) {
  kube::Kubelet kubelet(server_);
  kubelet.script({.pod = "*", .no_image = "step"});
  EXPECT_THAT(why(), AllOf(HasSubstr("config: "), HasSubstr("container step does not start")));
  EXPECT_EQ(pods(), 0u) << "nothing of it stays";
}

TEST_F(Cluster, WhatAContainerSaidLastIsToldWhereItNeverReachedTheHub) {
  kube::Kubelet kubelet(server_);
  const auto program = start("run: 'true'");
  const std::string pod = running_pod();
  kubelet.write_log(pod, "step", "starting\nno library libz.so.1\n");
  kubelet.exit(pod, "step", 127);
  EXPECT_EQ(program->wait().exit, 1);
  EXPECT_THAT(error()["message"].get<std::string>(),
              AllOf(HasSubstr("ended with exit code 127"),
                    HasSubstr("last it said: starting\nno library libz.so.1")));
}

TEST_F(Cluster, WhoEndsAPodIsTold) {
  kube::Kubelet kubelet(server_);
  const auto program = start("run: 'true'");
  kubelet.evict(running_pod());
  const Output output = program->wait();
  ASSERT_EQ(output.exit, 1) << output.out << output.err
                            << server_.ask("GET", "/api/v1/namespaces/default/pods").text;
  EXPECT_EQ(error()["cause"], "evicted");
  EXPECT_THAT(error()["message"].get<std::string>(), HasSubstr("was evicted"));
}

}  // namespace
}  // namespace scanflow::test
