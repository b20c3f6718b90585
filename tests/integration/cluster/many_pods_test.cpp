// The backend of Pods and its driver against an API server with faults: many Pods, whose sidecars are made up.
#include <dirent.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <boost/asio/post.hpp>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "engine/backend/kubernetes_driver.hpp"
#include "engine/backend/pod_backend.hpp"
#include "tests/support/kube/kubelet.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {
namespace {

using backend::Report;
using kube::Fault;
using nlohmann::json;
using std::chrono::milliseconds;
using Id = protocol::AttemptId;

/// Of the threads of this process that are not among `others`: ns of CPU.
std::int64_t cpu_ns(const std::set<std::string>& others) {
  std::int64_t sum = 0;
  DIR* directory = ::opendir("/proc/self/task");
  while (const dirent* each = ::readdir(directory)) {
    if (each->d_name[0] == '.' || others.contains(each->d_name)) continue;
    std::ifstream stream(std::string("/proc/self/task/") + each->d_name + "/schedstat");
    std::int64_t ran = 0;
    if (stream >> ran) sum += ran;
  }
  ::closedir(directory);
  return sum;
}
std::set<std::string> threads() {
  std::set<std::string> all;
  DIR* directory = ::opendir("/proc/self/task");
  while (const dirent* each = ::readdir(directory)) all.insert(each->d_name);
  ::closedir(directory);
  return all;
}

/// Sidecars that are there as soon as their Pod runs, and whose steps succeed at once.
class MadeUpSidecars final : public backend::PodHub {
 public:
  void listen(bool, std::function<void(Result<backend::HubAddress>)> then) override {
    then(backend::HubAddress{4190, 4191, "hub-key"});
  }
  backend::KeyPair keys_of(const std::string& pod) override { return {"key-" + pod, "secret"}; }
  void admit(const std::string&) override {}
  void dismiss(const std::string&) override {}
  void grant(const std::string&, const protocol::Request&, const backend::AttemptFiles&) override {}
  void revoke(const std::string&, const Id&) override {}
  void tell(const hub::SidecarKey& to, protocol::Body order) override {
    const auto* launch = std::get_if<protocol::Launch>(&order);
    if (launch == nullptr) return;
    protocol::Result result;
    result.id = launch->request.id;
    result.status = "succeeded";
    answer(to, std::move(result));
  }
  void delivered(const hub::SidecarKey&, std::uint64_t) override {}

  std::function<void(const hub::SidecarKey&, protocol::Result)> answer;
};

/// An engine's part, on a strand of its own.
class Engine {
 public:
  Engine(const kube::KubeServer& server, const TempDir& files, backend::KubernetesOptions options)
      : files_(files) {
    files.write("kubeconfig", server.kubeconfig(server_token(server)));
    options.where.kubeconfig = files.path() / "kubeconfig";
    options.advertise = "10.0.0.1";
    options.means.repeat.first_us = 20'000;
    options.means.repeat.longest_us = 500'000;
    backend::PodOptions pods;
    pods.directory = files.path() / "pods";
    pods.state = "many";
    pods.images = {"sidecar:1", "worker:1", "python:1"};
    pods.version = "1.0";
    pods.log = [this](const std::string& line) {
      const std::scoped_lock lock(mutex_);
      said_.push_back(line);
    };
    backend_ = std::make_unique<backend::PodBackend>(
        pods, strand_, sidecars_, [this](std::vector<Report> reports) { take(reports); });
    backend::PodDriver::Events events;
    events.ended = [this](const backend::ContainerEnd& end) { backend_->container_ended(end); };
    events.placed = [this](const std::string& pod) { backend_->placed(pod); };
    events.trouble = [this](const std::string& line) { backend_->trouble(line); };
    backend_->drive_by(
        std::make_unique<backend::KubernetesDriver>(options, "many", strand_, events));
    sidecars_.answer = [this](const hub::SidecarKey& from, protocol::Result result) {
      boost::asio::post(strand_, [this, from, result = std::move(result)] {
        backend_->delivered(from, ++number_, result);
      });
    };
    thread_ = std::thread([this] { strand_.run(); });
  }
  ~Engine() { end(); }
  void end() {
    if (!thread_.joinable()) return;
    boost::asio::post(strand_, [this] {
      backend_.reset();
      work_.reset();
      strand_.stop();
    });
    thread_.join();
  }

  void launch(int step) {
    boost::asio::post(strand_, [this, step] {
      auto request = std::make_shared<protocol::Request>();
      request->id = {"run", "step-" + std::to_string(step), 1};
      request->uses = "command";
      request->log_dir = files_.path();
      backend_->launch({request});
    });
  }
  /// Of a Pod that runs: its sidecar is there.
  void attach(const std::string& pod) {
    boost::asio::post(strand_, [this, pod] {
      if (backend_) backend_->attached({pod, pod});
    });
  }
  /// How each step ended: "status cause message", as often as it was told.
  std::multimap<std::string, std::string> results() {
    const std::scoped_lock lock(mutex_);
    return results_;
  }
  bool has(std::size_t results, std::chrono::seconds patience) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return results_.size() >= results; });
  }
  std::vector<std::string> said() {
    const std::scoped_lock lock(mutex_);
    return said_;
  }

 private:
  static std::string server_token(const kube::KubeServer& server) { return server.admin_token(); }
  void take(const std::vector<Report>& reports) {
    for (const Report& each : reports) {
      const auto* ended = std::get_if<protocol::Ended>(&each);
      if (ended == nullptr) continue;
      // Before anybody who waits for it may end this.
      boost::asio::post(strand_, [this, id = ended->result.id] {
        if (backend_) backend_->acknowledge(id);
      });
      {
        const std::scoped_lock lock(mutex_);
        results_.emplace(ended->result.id.step, ended->result.status + " " + ended->result.cause +
                                                    " " + ended->result.message);
      }
      changed_.notify_all();
    }
  }

  const TempDir& files_;
  boost::asio::io_context strand_;
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work_{
      strand_.get_executor()};
  MadeUpSidecars sidecars_;
  std::unique_ptr<backend::PodBackend> backend_;
  std::uint64_t number_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<std::string, std::string> results_;
  std::vector<std::string> said_;
  std::thread thread_;
};

class ManyPods : public testing::Test {
 protected:
  json all(const std::string& plural) {
    const auto answer = server_.ask("GET", "/api/v1/namespaces/default/" + plural);
    return (answer.text.empty() ? answer.body : json::parse(answer.text))["items"];
  }
  std::size_t count(const std::string& plural) { return all(plural).size(); }
  kube::KubeletOptions attaching() {
    kube::KubeletOptions options;
    options.run = [this](const json& pod) {
      if (Engine* engine = engine_.load()) engine->attach(pod["metadata"]["name"]);
      return std::string();
    };
    options.stop = [this](const json& pod, std::int64_t) {
      for (const char* container : {"step", "scanflow-sidecar"}) {
        try {
          kubelet_->exit(pod["metadata"]["name"], container, 137);
        } catch (const std::exception&) {
          return;  // the Pod is gone already
        }
      }
    };
    return options;
  }
  kube::KubeServer server_;
  std::atomic<Engine*> engine_{nullptr};
  std::unique_ptr<kube::Kubelet> kubelet_ = std::make_unique<kube::Kubelet>(server_, attaching());
  const TempDir files_;
};

TEST_F(ManyPods, AThousandEndRightThroughFaultsAndNoneStaysOrComesTwice) {
  constexpr int kPods = 1'000, kAtOnce = 50;
  server_.with([](kube::Cluster& cluster) { cluster.faults.seed(11); });
  server_.add_fault({.probability = 0.005, .status = 429, .retry_after_s = 1});
  for (const int status : {429, 500, 503})
    server_.add_fault({.probability = 0.01, .status = status});
  server_.add_fault({.kind = Fault::Kind::close_before, .probability = 0.01});
  server_.add_fault({.kind = Fault::Kind::close_after, .verb = "create", .probability = 0.03});
  server_.add_fault({.kind = Fault::Kind::end_watch, .verb = "watch", .probability = 0.2});
  server_.add_fault({.kind = Fault::Kind::compact_watch, .verb = "watch", .probability = 0.2});
  const std::set<std::string> others = threads();
  backend::KubernetesOptions options;
  options.means.rate = {.per_s = 400, .burst = 100};
  Engine engine(server_, files_, options);
  engine_ = &engine;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < kPods; ++i) {
    ASSERT_TRUE(
        engine.has(static_cast<std::size_t>(std::max(0, i - kAtOnce)), std::chrono::seconds(60)))
        << i << ": " << json(engine.said()).dump();
    engine.launch(i);
    if (i % 100 == 99) server_.drop_watches();
  }
  ASSERT_TRUE(engine.has(kPods, std::chrono::seconds(60))) << engine.results().size();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  const double cpu_ms = static_cast<double>(cpu_ns(others)) / 1e6;
  for (const auto& [step, how] : engine.results()) EXPECT_EQ(how, "succeeded  ") << step;
  EXPECT_EQ(engine.results().size(), static_cast<std::size_t>(kPods)) << "each once";
  engine.end();
  engine_ = nullptr;
  server_.clear_faults();
  EXPECT_TRUE(eventually([&] { return count("pods") == 0; }))
      << json(engine.said()).dump(1) << all("pods").dump(1);
  EXPECT_TRUE(eventually([&] { return count("secrets") == 0; })) << all("secrets").dump(1);
  const kube::Counters counters = server_.counters();
  EXPECT_LE(counters.most_in_a_second, 520u) << "its rate, and what it may save up";
  fmt::print("{} Pods in {:.1f} s, {:.2f} ms of the engine's CPU for each, {} requests\n", kPods,
             seconds, cpu_ms / kPods, counters.count());
}

}  // namespace
}  // namespace scanflow::test
