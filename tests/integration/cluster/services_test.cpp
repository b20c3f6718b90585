// Services as Deployments of a cluster: what is applied there, and what their Pods are told by their sidecars. The Pods
// are real sidecars, launchers and services, without containers.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <fstream>
#include <mutex>
#include <thread>

#include "engine/http/base64.hpp"
#include "engine/http/client.hpp"
#include "tests/integration/server_support.hpp"
#include "tests/integration/service_support.hpp"
#include "tests/support/kube/controllers.hpp"
#include "tests/support/kube/kubelet.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

/// A node whose Pods are processes of this machine.
class ProcessNode {
 public:
  struct Pod {
    std::string name;
    std::uint16_t port = 0;
    std::unique_ptr<TempDir> files;
    std::unique_ptr<Program> sidecar, app;
  };

  explicit ProcessNode(kube::KubeServer& server) : server_(server), kubelet_(server, hooks()) {}
  std::vector<std::uint16_t> ports() {
    const std::lock_guard lock(mutex_);
    std::vector<std::uint16_t> ports;
    for (const auto& [uid, pod] : pods_) ports.push_back(pod->port);
    return ports;
  }
  std::string said() {
    const std::lock_guard lock(mutex_);
    std::string all;
    for (const auto& [uid, pod] : pods_)
      all += pod->name + ":\n" + pod->sidecar->err() + pod->app->err();
    return all;
  }

 private:
  kube::KubeletOptions hooks() {
    kube::KubeletOptions options;
    options.run = [this](const json& pod) { return run(pod); };
    options.stop = [this](const json& pod, std::int64_t) { stop(pod); };
    return options;
  }
  std::string secret(const std::string& name, const std::string& key) {
    const json secret = server_.get("/api/v1/namespaces/default/secrets/" + name);
    return http::base64_decoded(secret.at("data").at(key).get<std::string>()).value_or("");
  }
  /// As a kubelet makes it; paths of the Pod are of its own directory here.
  Program::Environment environment(const json& pod, const json& container, const Pod& made) {
    Program::Environment all;
    for (const json& variable : container["env"]) {
      std::string value = variable.value("value", "");
      const json from = variable.value("valueFrom", json::object());
      if (from.contains("secretKeyRef"))
        value = secret(from["secretKeyRef"]["name"], from["secretKeyRef"]["key"]);
      if (from.contains("fieldRef")) {
        const std::string path = from["fieldRef"]["fieldPath"];
        value = pod["metadata"][path.substr(path.rfind('.') + 1)];
      }
      for (const std::string there : {"/run/scanflow/identity/", "/scanflow/"}) {
        if (value.starts_with(there))
          value = made.files->path().string() + "/" + value.substr(there.size());
      }
      replace(value, "tcp://engine.test:", "tcp://127.0.0.1:");
      all[variable["name"]] = value;
    }
    return all;
  }
  static void replace(std::string& text, const std::string& what, const std::string& by) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
      text.replace(at, what.size(), by);
  }
  std::string run(const json& pod) {
    auto made = std::make_unique<Pod>();
    const std::string uid = pod["metadata"]["uid"];
    made->name = pod["metadata"]["name"];
    made->files = std::make_unique<TempDir>();
    made->port = free_port();
    const json& sidecar = pod["spec"]["initContainers"].back();
    const json& app = pod["spec"]["containers"][0];
    EXPECT_EQ(sidecar["name"], "scanflow-sidecar");
    made->files->write("token", server_.with([&](auto& cluster) {
      return cluster.users.add(
          kube::pod_of_account("default", "default", made->name, uid, "scanflow-hub"));
    }));
    for (const json& variable : sidecar["env"]) {
      if (variable["name"] == "SCANFLOW_KEY")
        made->files->write("secret-key",
                           secret(variable["valueFrom"]["secretKeyRef"]["name"], "secret-key"));
    }
    const std::string bin = SCANFLOW_BINARY_DIR "/bin/";
    made->sidecar = std::make_unique<Program>(std::vector<std::string>{bin + "scanflow-sidecar"},
                                              environment(pod, sidecar, *made));
    Program::Environment of_app = environment(pod, app, *made);
    json document = json::parse(of_app.at("SCANFLOW_SERVICE"));
    EXPECT_EQ(document["listen"], "0.0.0.0:8080");
    document["listen"] = fmt::format("127.0.0.1:{}", made->port);
    for (json& node : document["nodes"])
      node["library"] = SCANFLOW_BINARY_DIR "/tests/plugins/" + node["library"].get<std::string>();
    of_app["SCANFLOW_SERVICE"] = document.dump();
    std::vector<std::string> argv;
    for (const json& word : app["command"]) argv.push_back(word);
    EXPECT_THAT(argv,
                ElementsAre("/scanflow/bin/scanflow-exec", "--", "scanflow-service", "--in-pod"));
    made->app = std::make_unique<Program>(
        std::vector<std::string>{bin + "scanflow-exec", "--", bin + "scanflow-service", "--in-pod"},
        of_app);
    const std::lock_guard lock(mutex_);
    pods_[uid] = std::move(made);
    return "127.0.0.1";
  }
  void stop(const json& pod) {
    const std::string uid = pod["metadata"]["uid"];
    Pod* made = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = pods_.find(uid); found != pods_.end()) made = found->second.get();
    }
    if (made == nullptr) return;
    const std::string key = "default/" + made->name;
    made->app->signal(SIGTERM);
    kubelet_.exit(key, "service", made->app->wait().exit);
    made->sidecar->signal(SIGTERM);
    kubelet_.exit(key, "scanflow-sidecar", made->sidecar->wait().exit);
    const std::lock_guard lock(mutex_);
    pods_.erase(uid);
  }

  kube::KubeServer& server_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Pod>> pods_;  // by uid
  kube::Kubelet kubelet_;                             // ends first
};

class ServicesOfACluster : public testing::Test {
 protected:
  ServicesOfACluster() { start(); }
  ~ServicesOfACluster() override {
    if (HasFailure() && server_) std::cerr << server_->log() << node_.said();
  }
  void start() {
    server_ = std::make_unique<ServerProgram>(
        scanflow_,
        std::vector<std::string>{"--services-on", "kubernetes", "--plugin-dir", plugin_.folder()},
        0,
        Program::Environment{{"KUBECONFIG", config_}, {"SCANFLOW_HUB_ADVERTISE", "engine.test"}});
  }
  Output scanflow(std::vector<std::string> words) const {
    words.insert(words.end(), {"--server", server_->url(), "--plugin-dir", plugin_.folder()});
    return scanflow_(std::move(words));
  }
  void apply(const std::string& model, const std::string& more) const {
    const std::string file = scanflow_.files() / "service.yaml";
    write(file,
          "apiVersion: scanflow.dev/v1\nkind: InferenceService\nmetadata: {name: scale}\n"
          "graph:\n  - {name: m, uses: test.scale, model: \"" +
              model + "\"}\n" + more);
    const Output applied = scanflow({"apply", "-f", file});
    ASSERT_EQ(applied.exit, 0) << applied.err;
  }
  void register_model(const std::string& factor) const {
    const std::string file = scanflow_.files() / "register.yaml";
    write(file, kRegisterFactor);
    const Output run = scanflow({"run", file, "-p", "factor=" + factor});
    ASSERT_EQ(run.exit, 0) << run.out << run.err;
  }
  json listed() const {
    const json services = server_->get("/api/v1/services").at("services");
    return services.empty() ? json::object() : services.at(0);
  }
  json object(const std::string& plural) {
    return kube_.get((plural == "services" ? "/api/v1" : "/apis/apps/v1") +
                     std::string("/namespaces/default/") + plural + "/scanflow-default-scale");
  }
  /// The first number of the answer of a Pod; -1: none.
  static double ask(std::uint16_t port) {
    const auto client = http::Client::connect({"127.0.0.1", std::to_string(port), nullptr, "", {}},
                                              std::chrono::seconds(5));
    if (!client) return -1;
    http::Outgoing out{"POST", "/v2/models/scale/infer"};
    out.headers = {{"Host", "scanflow-default-scale.default.svc"}};
    out.body =
        R"({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 1]}]})";
    const auto head = (*client)->ask(out);
    const auto rest = head ? (*client)->rest(1 << 20) : tl::unexpected(head.error());
    if (!rest || head->status != 200) return -1;
    return json::parse(*rest)["outputs"][0]["data"][0];
  }
  bool all_answer(std::size_t pods, double factor) {
    return eventually([&] {
      const auto ports = node_.ports();
      return ports.size() == pods && std::all_of(ports.begin(), ports.end(),
                                                 [&](auto port) { return ask(port) == factor; });
    });
  }

  const TempDir files_;
  const ScalePlugin plugin_;
  kube::KubeServer kube_;
  kube::Controllers controllers_{kube_};
  ProcessNode node_{kube_};
  const Scanflow scanflow_;
  const std::string config_ = files_.write("kubeconfig", kube_.kubeconfig(kube_.admin_token()));
  std::unique_ptr<ServerProgram> server_;
};

TEST_F(ServicesOfACluster, PodsGetTheirModelsByTheirSidecarsAndSwapThem) {
  register_model("3");
  apply("models:/factor", "scaling: {min: 2}\n");
  ASSERT_TRUE(all_answer(2, 3));
  EXPECT_EQ(object("services")["spec"]["ports"][0]["port"], 80);
  ASSERT_TRUE(eventually([&] { return listed().value("ready", 0) == 2; }));
  EXPECT_EQ(listed()["url"], "http://scanflow-default-scale.default.svc/v2/models/scale");
  EXPECT_EQ(listed()["models"]["m"][0]["version"], "1");

  const json before = object("deployments")["metadata"]["generation"];
  std::atomic<bool> stop = false;
  std::atomic<int> failed = 0, asked = 0;
  const std::uint16_t port = node_.ports()[0];
  std::thread client([&] {
    for (; !stop; ++asked)
      if (ask(port) < 0) ++failed;
  });
  register_model("5");  // the newest is what is served
  EXPECT_TRUE(all_answer(2, 5));
  stop = true;
  client.join();
  EXPECT_EQ(failed, 0) << "of " << asked;
  EXPECT_EQ(object("deployments")["metadata"]["generation"], before) << "no new Pods for that";
  EXPECT_TRUE(eventually([&] {
    return server_->log().find("the node m has version 2 now") != std::string::npos;
  })) << server_->log();
  EXPECT_TRUE(eventually([&] {
    (void)ask(port);  // how long they take is known of those that come between two samples
    return listed().value("requests", 0) >= asked && listed().value("p99_us", 0) > 0;
  })) << listed();
  const Output shown = scanflow({"service", "show", "scale"});
  EXPECT_THAT(shown.out, HasSubstr("ready     on vm"));

  register_model("nonsense");  // what cannot be loaded changes nothing
  EXPECT_TRUE(eventually([&] { return listed().value("status", "") == "failed"; }));
  EXPECT_THAT(listed().value("problem", ""), HasSubstr("the model holds no number"));
  EXPECT_EQ(ask(port), 5);
}

TEST_F(ServicesOfACluster, WhatIsDeletedGoes) {
  register_model("3");
  apply("models:/factor", "");
  ASSERT_TRUE(all_answer(1, 3));
  const json before = object("deployments")["metadata"];
  const json owner = before["ownerReferences"][0];
  kube_.ask("DELETE", "/apis/apps/v1/namespaces/default/deployments/scanflow-default-scale");
  kube_.ask("DELETE", "/api/v1/namespaces/default/configmaps/" + owner["name"].get<std::string>());
  ASSERT_TRUE(eventually([&] {  // by a person: they are made again
    const json now = object("deployments");
    return now.is_object() && now["metadata"]["uid"] != before["uid"];
  }));
  for (const std::string plural : {"deployments", "services"}) {
    EXPECT_TRUE(eventually([&] {
      const json owners = object(plural)["metadata"]["ownerReferences"];
      return owners.size() == 1 && owners[0]["uid"] != owner["uid"];
    })) << object(plural).dump(1);
  }
  ASSERT_TRUE(all_answer(1, 3));
  EXPECT_EQ(scanflow({"delete", "inferenceservice/scale"}).exit, 0);
  EXPECT_TRUE(eventually([&] { return object("deployments").is_null(); }));
  EXPECT_TRUE(eventually([&] { return object("services").is_null(); }));
  EXPECT_TRUE(eventually([&] { return node_.ports().empty(); }));
}

TEST_F(ServicesOfACluster, WhatTheClusterRefusesIsTriedAgain) {
  const auto refuse = [&](const std::string& verb, const std::string& resource) {
    kube_.with([&](auto& cluster) {
      kube::Fault fault;
      fault.verb = verb;
      fault.resource = resource;
      fault.status = 403;
      fault.times = 1;
      cluster.faults.add(fault);
    });
  };
  refuse("patch", "deployments");
  register_model("3");
  apply("models:/factor", "");
  EXPECT_TRUE(eventually([&] { return listed().value("status", "") == "failed"; })) << listed();
  EXPECT_THAT(listed().value("problem", ""), HasSubstr("apply Deployment"));
  ASSERT_TRUE(eventually([&] { return listed().value("status", "") == "ready"; })) << listed();
  ASSERT_TRUE(all_answer(1, 3));
  refuse("delete", "deployments");
  EXPECT_EQ(scanflow({"delete", "inferenceservice/scale"}).exit, 0);
  EXPECT_TRUE(eventually([&] { return object("deployments").is_null(); }));
  EXPECT_THAT(server_->log(), HasSubstr("delete Deployment"));
  EXPECT_TRUE(eventually([&] { return node_.ports().empty(); }));
}

TEST_F(ServicesOfACluster, WhatWasRefusedAndTakenBackIsNotServedLater) {
  register_model("3");
  apply("models:/factor", "");
  ASSERT_TRUE(all_answer(1, 3));
  ASSERT_TRUE(eventually([&] { return listed().value("status", "") == "ready"; })) << listed();
  kube_.with([&](auto& cluster) {
    kube::Fault fault;
    fault.verb = "patch";
    fault.resource = "deployments";
    fault.status = 403;
    cluster.faults.add(fault);
  });
  apply("models:/factor", "resources: {memory: 100Mi}\n");
  ASSERT_TRUE(eventually([&] { return listed().value("status", "") == "failed"; })) << listed();
  apply("models:/factor", "");
  kube_.with([](auto& cluster) { cluster.faults.clear(); });
  const auto has_memory = [&] {
    return object("deployments")["spec"].dump().find("104857600") != std::string::npos;
  };
  ASSERT_TRUE(eventually([&] { return listed().value("status", "") == "ready" && !has_memory(); }))
      << listed();
  ASSERT_TRUE(all_answer(1, 3));
}

TEST_F(ServicesOfACluster, TheyGoOnWithoutTheServerAndAreFoundByTheNext) {
  register_model("3");
  apply("models:/factor", "");
  ASSERT_TRUE(all_answer(1, 3));
  EXPECT_EQ(server_->stop(), 0);
  EXPECT_EQ(ask(node_.ports()[0]), 3);
  const json before = object("deployments")["metadata"];
  start();
  register_model("7");
  EXPECT_TRUE(all_answer(1, 7));
  EXPECT_EQ(object("deployments")["metadata"]["uid"], before["uid"]);
  EXPECT_EQ(object("deployments")["metadata"]["generation"], before["generation"]);
}

TEST_F(ServicesOfACluster, ANewServerKeepsAsManyPodsAsThereAre) {
  register_model("3");
  apply("models:/factor", "scaling: {min: 1, max: 3}\n");
  ASSERT_TRUE(all_answer(1, 3));
  EXPECT_EQ(server_->stop(), 0);
  kube_.ask("PATCH", "/apis/apps/v1/namespaces/default/deployments/scanflow-default-scale",
            {{"spec", {{"replicas", 2}}}}, "application/merge-patch+json");
  ASSERT_TRUE(eventually([&] { return node_.ports().size() == 2; }));  // one without a model yet
  start();
  ASSERT_TRUE(eventually([&] { return listed().value("ready", 0) == 2; })) << listed();
  ASSERT_TRUE(all_answer(2, 3));
  EXPECT_EQ(listed()["replicas"], 2) << "they are asked until it is known that they need not";
  EXPECT_EQ(object("deployments")["spec"]["replicas"], 2);
}

TEST_F(ServicesOfACluster, WhatPodsCannotHaveIsSaid) {
  write(files_ / "model", "3");
  apply((files_ / "model").string(), "");
  ASSERT_TRUE(eventually([&] { return listed().value("status", "") == "failed"; }));
  EXPECT_THAT(listed().value("problem", ""), HasSubstr("is a file of this machine"));
  EXPECT_TRUE(object("deployments").is_null());
}

TEST_F(ServicesOfACluster, ABackupAnswersWhileNothingElseIsReady) {
  register_model("3");
  apply("models:/factor@champion", "backup: {model: \"models:/factor/1\"}\n");
  const auto selected = [&] {
    const json service = object("services");
    return service.is_object()
               ? service.value("/spec/selector/scanflow.dev~1service"_json_pointer, "")
               : "";
  };
  ASSERT_TRUE(eventually([&] { return selected() == "scanflow-default-scale-backup"; }));
  ASSERT_TRUE(all_answer(1, 3));
  EXPECT_TRUE(eventually([&] { return listed().value("status", "") == "backup"; })) << listed();
  EXPECT_EQ(listed()["backup"]["failovers"], 1);
  ASSERT_EQ(scanflow({"model", "promote", "factor/1", "champion"}).exit, 0);
  EXPECT_TRUE(eventually([&] { return selected() == "scanflow-default-scale"; }));
  EXPECT_TRUE(all_answer(2, 3));
  EXPECT_TRUE(eventually([&] { return listed().value("status", "") == "ready"; })) << listed();
  EXPECT_THAT(server_->log(), HasSubstr("its own Pods answer again"));
}

TEST_F(ServicesOfACluster, AnothersDeploymentIsNotTaken) {
  kube_.create({{"apiVersion", "apps/v1"},
                {"kind", "Deployment"},
                {"metadata", {{"name", "scanflow-default-scale"}, {"namespace", "default"}}},
                {"spec",
                 {{"replicas", 0},
                  {"selector", {{"matchLabels", {{"a", "b"}}}}},
                  {"template",
                   {{"metadata", {{"labels", {{"a", "b"}}}}},
                    {"spec", {{"containers", {{{"name", "c"}, {"image", "i"}}}}}}}}}}});
  register_model("3");
  apply("models:/factor", "");
  ASSERT_TRUE(eventually([&] { return listed().value("status", "") == "failed"; }));
  EXPECT_THAT(listed().value("problem", ""), HasSubstr("is not this engine's"));
  EXPECT_EQ(scanflow({"delete", "inferenceservice/scale"}).exit, 0);
  register_model("5");  // by then the server has looked
  EXPECT_TRUE(eventually([&] { return listed().empty(); }));
  EXPECT_FALSE(object("deployments").is_null()) << "nor is it deleted";
}

}  // namespace
}  // namespace scanflow::test
