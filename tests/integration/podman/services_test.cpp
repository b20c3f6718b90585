// Inference services as Pods of podman, behind the server's address.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "engine/http/client.hpp"
#include "tests/integration/podman/pod_backend.hpp"
#include "tests/integration/server_support.hpp"
#include "tests/integration/service_support.hpp"

namespace scanflow::test {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A model of Python's, in an image without the numeric library: it adds what its variable says.
constexpr const char* kPythonModel = R"(
import http.server, json, os
class Model(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def say(self, said):
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        tensor = {"datatype": "FP32", "shape": [-1, 2]}
        self.say({"name": "add", "platform": "python",
                  "inputs": [{"name": "x", **tensor}], "outputs": [{"name": "y", **tensor}]})
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["inputs"][0]
        self.say({"model_name": "add", "outputs": [
            {"name": "y", "datatype": "FP32", "shape": asked["shape"],
             "data": [each + float(os.environ["MORE"]) for each in asked["data"]]}]})
    def log_message(self, *_):
        pass
print("the model listens", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", 9000), Model).serve_forever()
)";

/// Pods take their time on a machine that is busy.
bool soon(const std::function<bool()>& condition) {
  return eventually(condition, std::chrono::minutes(1));
}

class PodmanServices : public PodBackend {
 protected:
  void SetUp() override {
    PodBackend::SetUp();
    if (IsSkipped()) return;
    static const std::string image = build_image();  // once: it takes a while
    environment_ = environment();
    environment_["SCANFLOW_WORKER_IMAGE"] = image;
    start();
  }
  void TearDown() override {
    if (server_) {
      if (HasFailure()) std::cerr << server_->log();
      EXPECT_EQ(server_->stop(), 0);
      EXPECT_EQ(service_pods().size(), 0) << "Pods stay behind";
      for (const podman::Pod& left : service_pods()) EXPECT_TRUE(podman().remove(left.name));
    }
    PodBackend::TearDown();
  }

  /// The worker's image with the tests' plugin.
  std::string build_image() const {
    const TempDir context;
    context.write("Containerfile", "FROM " + with_worker()["SCANFLOW_WORKER_IMAGE"] +
                                       "\nCOPY online.so online.plugin.json "
                                       "/usr/lib/scanflow/plugins/\n");
    for (const char* file : {"online.so", "online.plugin.json"})
      std::filesystem::copy_file(std::filesystem::path(plugin_.folder()) / file, context / file);
    std::string image = kImages + "-scale:latest";
    const auto built = podman().build(context.path(), image);
    EXPECT_TRUE(built) << built.error().message;
    return image;
  }
  void start(const std::string& services = "127.0.0.1:0") {
    server_ = std::make_unique<ServerProgram>(
        scanflow_,
        std::vector<std::string>{"--services-on", "podman", "--services", services, "--plugin-dir",
                                 plugin_.folder()},
        0, environment_);
  }
  Output scanflow(std::vector<std::string> words) const {
    words.insert(words.end(), {"--server", server_->url(), "--plugin-dir", plugin_.folder()});
    return scanflow_(std::move(words));
  }
  void register_model(const std::string& factor) const {
    const std::string file = scanflow_.files() / "register.yaml";
    write(file, kRegisterFactor);
    const Output run = scanflow({"run", file, "-p", "factor=" + factor});
    ASSERT_EQ(run.exit, 0) << run.out << run.err;
  }
  void apply(const std::string& graph, const std::string& more = {}) const {
    const std::string file = scanflow_.files() / "service.yaml";
    write(file,
          "apiVersion: scanflow.dev/v1\nkind: InferenceService\nmetadata: {name: scale}\ngraph:\n" +
              graph + more);
    const Output applied = scanflow({"apply", "-f", file});
    ASSERT_EQ(applied.exit, 0) << applied.err;
  }
  json listed() const {
    const json services = server_->get("/api/v1/services").at("services");
    return services.empty() ? json::object() : services.at(0);
  }
  bool ready(std::size_t replicas) const {
    return soon([&] { return listed().value("ready", std::size_t{0}) == replicas; });
  }
  std::vector<podman::Pod> service_pods() const {
    const auto all =
        podman().list("scanflow.dev/services=" + state_label().substr(state_label().find('=') + 1));
    return all ? *all : std::vector<podman::Pod>();
  }
  std::string address() const {
    const std::string log = server_->log(), said = "services are at http://";
    const std::size_t begin = log.find(said);
    if (begin == std::string::npos) return "127.0.0.1:0";
    const std::size_t host = begin + said.size();
    return log.substr(host, log.find('/', host) - host);
  }
  /// The first number of the answer; -1: none.
  static double ask(const std::string& address) {
    const std::size_t colon = address.find(':');
    const auto client = http::Client::connect(
        {address.substr(0, colon), address.substr(colon + 1), nullptr, "", {}},
        std::chrono::seconds(5));
    if (!client) return -1;
    http::Outgoing out{"POST", "/services/default/scale/v2/models/scale/infer"};
    out.headers = {{"Host", "localhost"}};
    out.body =
        R"({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 1]}]})";
    const auto head = (*client)->ask(out);
    const auto rest = head ? (*client)->rest(1 << 20) : tl::unexpected(head.error());
    if (!rest || head->status != 200) return -1;
    return json::parse(*rest)["outputs"][0]["data"][0];
  }
  double ask() const { return ask(address()); }

  /// Clients that ask until it goes.
  class Load {
   public:
    explicit Load(std::string address)
        : thread_([this, address = std::move(address)] {
            for (; !stop_; ++asked)
              if (ask(address) < 0) ++failed;
          }) {}
    ~Load() { end(); }
    void end() {
      stop_ = true;
      if (thread_.joinable()) thread_.join();
    }
    std::atomic<int> failed = 0, asked = 0;

   private:
    std::atomic<bool> stop_ = false;
    std::thread thread_;
  };

  static constexpr const char* kScale =
      "  - {name: m, uses: test.scale, model: \"models:/factor\"}\n";
  const ScalePlugin plugin_;
  Program::Environment environment_;
  std::unique_ptr<ServerProgram> server_;
};

TEST_F(PodmanServices, SwapTheirModelsUnderLoadAndReplaceAPodThatDies) {
  register_model("3");
  apply(kScale, "scaling: {min: 2}\n");
  ASSERT_TRUE(ready(2));
  EXPECT_EQ(ask(), 3);
  std::vector<podman::Pod> pods = service_pods();
  ASSERT_EQ(pods.size(), 2);
  EXPECT_THAT(scanflow({"service", "show", "default/scale"}).out, HasSubstr("Pod " + pods[0].name));
  EXPECT_THAT(scanflow({"top", "--once"}).out, HasSubstr(pods[0].name))
      << "its sidecar tells of it";

  Load load(address());
  register_model("5");  // the newest is what is served
  EXPECT_TRUE(soon([&] { return ask() == 5; }));
  EXPECT_TRUE(podman().signal(pods[0].name + "-service", "KILL"));
  EXPECT_TRUE(soon([&] {
    return server_->log().find("lost its container service (exit 137)") != std::string::npos;
  }));
  EXPECT_TRUE(ready(2));
  load.end();
  EXPECT_EQ(load.failed, 0) << "of " << load.asked;
  EXPECT_EQ(ask(), 5) << "the new one has the newest version";
  EXPECT_EQ(scanflow({"service", "logs", "default/scale"}).exit, 0);

  // What cannot be loaded is tried again and again; a Pod that comes meanwhile has what was there before.
  register_model("none");
  EXPECT_TRUE(soon([&] { return listed().value("problem", "") != ""; }));
  EXPECT_TRUE(podman().signal(service_pods().at(0).name + "-service", "KILL"));
  EXPECT_TRUE(soon([&] { return listed().value("ready", 0) < 2; }));
  EXPECT_TRUE(ready(2));
  EXPECT_EQ(ask(), 5);

  EXPECT_EQ(scanflow({"delete", "inferenceservice", "scale"}).exit, 0);
  EXPECT_TRUE(soon([&] { return service_pods().empty(); }));
}

TEST_F(PodmanServices, OfAServerThatWasKilledNothingStays) {
  register_model("3");
  apply(kScale);
  ASSERT_TRUE(ready(1));
  const std::string where = address(), pod = service_pods().at(0).id;
  server_->kill();
  start(where);  // its Pods have not kept its address
  ASSERT_TRUE(ready(1));
  EXPECT_EQ(address(), where);
  EXPECT_EQ(ask(), 3);
  ASSERT_EQ(service_pods().size(), 1);
  EXPECT_NE(service_pods()[0].id, pod);
}

TEST_F(PodmanServices, ANodeMayBeAContainer) {
  std::string model = kPythonModel;
  for (std::size_t at = 0; (at = model.find('\n', at)) != std::string::npos; at += 11)
    model.insert(at + 1, "          ");
  apply("  - name: add\n    container:\n      image: " + kImages +
        "-python:latest\n      command: [python3, -c]\n      port: 9000\n      model: add\n"
        "      env: {MORE: \"40\"}\n      args:\n        - |" +
        model + "\n");
  ASSERT_TRUE(ready(1));
  EXPECT_EQ(ask(), 41);
  EXPECT_THAT(scanflow({"service", "logs", "default/scale"}).out, HasSubstr("the model listens"));
  EXPECT_TRUE(podman().signal(service_pods().at(0).name + "-node-0", "KILL"));
  EXPECT_TRUE(soon([&] {
    return server_->log().find("lost its container node-0 (exit 137): the model listens") !=
           std::string::npos;
  }));
  EXPECT_TRUE(ready(1));
}

TEST_F(PodmanServices, WhatCannotBeServedSaysWhy) {
  const std::string weights = scanflow_.files() / "weights";
  write(weights, "3");
  apply("  - {name: m, uses: test.scale, model: \"" + weights + "\"}\n");
  EXPECT_TRUE(soon([&] {
    return listed().value("problem", "").find("which Pods cannot have") != std::string::npos;
  })) << listed();
  write(weights, "not a number");
  const std::string file = scanflow_.files() / "register.yaml";
  write(file, kRegisterFactor);
  ASSERT_EQ(scanflow({"run", file, "-p", "factor=none"}).exit, 0);
  apply(kScale);
  EXPECT_TRUE(soon([&] { return server_->log().find("cannot serve: ") != std::string::npos; }))
      << server_->log();
}

}  // namespace
}  // namespace scanflow::test
