// What serving costs beside the plain forward of the same network in the same run: one request at a time over
// loopback with keep-alive, through the front and one replica; and 32 clients at once.
#include <benchmark/benchmark.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <thread>

#include "engine/load/generator.hpp"
#include "engine/load/samples.hpp"
#include "engine/serve/front.hpp"
#include "plugins/common/digit_set.hpp"
#include "plugins/steps/digits/drawing.hpp"
#include "plugins/steps/imagenet/classifier.hpp"
#include "plugins/steps/torch/online.hpp"
#include "sdk/base/clock.hpp"
#include "tests/support/step_run.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr int kRounds = 5;
constexpr std::int64_t kRoundUs = 2'000'000;
constexpr unsigned kClients = 32;

struct Served {
  std::string plugin, library, input;
  loader::Shape shape;  // of one row
  json with = json::object();
  std::string model = {};
  std::int64_t batch = 32;
  std::uint32_t threads = 1;
};

/// A service of one node, ready.
class Service {
 public:
  explicit Service(const Served& what) {
    auto front = serve::Front::listen("127.0.0.1:0");
    if (!front) throw std::runtime_error(front.error().message);
    front_ = std::move(*front);
    infer::ServiceDocument document;
    document.name = "bench";
    document.threads = what.threads;
    document.limits.batch_rows = what.batch;
    document.nodes.push_back({{"m", infer::NodeType::model, {}},
                              what.plugin,
                              SCANFLOW_PLUGINS "/" + what.library + ".so",
                              what.with,
                              {{{"1", 1, false}, what.model}}});
    serve::ReplicasOptions options;
    options.program = SERVICE_PROGRAM;
    options.directory = directory_.path();
    front_->put({"default", "bench"}, document, {}, options);
    if (!front_->replicas({"default", "bench"})->wait_ready(1, seconds(60)))
      throw std::runtime_error("the replica is not ready");
    json input = {{"name", what.input}, {"datatype", "FP32"}, {"shape", what.shape}};
    auto samples = load::drawn_samples({{"inputs", {input}}},
                                       {.rows = 1, .binary = true, .seed = 1, .count = 8});
    if (!samples) throw std::runtime_error(samples.error().message);
    samples_ = std::move(*samples);
    for (auto& sample : samples_) sample.headers.emplace_back("Host", "localhost");
  }

  std::size_t bytes() const { return samples_.front().body.size(); }
  load::Outcome ask(load::Scenario scenario, std::int64_t duration_us) const {
    load::Plan plan;
    const auto colon = front_->address().rfind(':');
    plan.peer = {
        front_->address().substr(0, colon), front_->address().substr(colon + 1), nullptr, "", {}};
    plan.target = "/v2/models/bench/infer";
    plan.scenario = scenario;
    plan.samples = samples_;
    plan.duration_us = duration_us;
    plan.connections = kClients;
    const std::atomic<bool> stop = false;
    auto outcome = load::run(plan, stop);
    if (!outcome) throw std::runtime_error(outcome.error().message);
    if (outcome->statuses.size() != 1 || outcome->statuses.begin()->first != 200)
      throw std::runtime_error("not all requests were answered");
    return *outcome;
  }

 private:
  test::TempDir directory_;
  std::unique_ptr<serve::Front> front_;
  std::vector<load::Sample> samples_;
};

template <class Call>
infer::Histogram time_calls(const Call& call) {
  infer::Histogram times;
  const std::int64_t end = monotonic_us() + kRoundUs;
  while (monotonic_us() < end) {
    const std::int64_t begun = monotonic_us();
    call();
    times.add(monotonic_us() - begun);
  }
  return times;
}

/// The same bytes over bare Unix sockets, from one thread to another and on to a third that calls, and back:
/// what two hops cost on this machine, whoever makes them.
template <class Call>
infer::Histogram time_hops(const Call& call, std::size_t bytes) {
  std::array<int, 2> front{}, back{};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, front.data()) != 0 ||
      ::socketpair(AF_UNIX, SOCK_STREAM, 0, back.data()) != 0)
    throw std::runtime_error("no sockets");
  const auto move = [bytes](int from, int to, std::string& buffer) {
    for (std::size_t got = 0; got < bytes;) {
      const auto more = ::recv(from, buffer.data() + got, bytes - got, 0);
      if (more <= 0) return false;
      got += static_cast<std::size_t>(more);
    }
    return to < 0 || ::send(to, buffer.data(), bytes, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes);
  };
  std::thread middle([&] {
    std::string buffer(bytes, 'x');
    while (move(front[1], back[0], buffer)) {
      char answer[256];
      if (::recv(back[0], answer, sizeof answer, 0) <= 0) break;
      if (::send(front[1], answer, sizeof answer, MSG_NOSIGNAL) <= 0) break;
    }
    ::shutdown(back[0], SHUT_RDWR);
  });
  std::thread worker([&] {
    std::string buffer(bytes, 'x');
    while (move(back[1], -1, buffer)) {
      call();
      char answer[256] = {};
      if (::send(back[1], answer, sizeof answer, MSG_NOSIGNAL) <= 0) return;
    }
  });
  const std::string request(bytes, 'x');
  const auto times = time_calls([&] {
    char answer[256];
    for (std::size_t sent = 0; sent < bytes;) {
      const auto more = ::send(front[0], request.data() + sent, bytes - sent, MSG_NOSIGNAL);
      if (more <= 0) throw std::runtime_error("cannot send");
      sent += static_cast<std::size_t>(more);
    }
    if (::recv(front[0], answer, sizeof answer, 0) <= 0) throw std::runtime_error("no answer");
  });
  ::shutdown(front[0], SHUT_RDWR);
  middle.join();
  worker.join();
  for (const int fd : {front[0], front[1], back[0], back[1]}) ::close(fd);
  return times;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

/// Rounds of both in turn: what the machine does meanwhile happens to both.
template <class Call>
void one_at_a_time(benchmark::State& state, const Served& what, const Call& plain) {
  const Service service(what);
  std::vector<double> plain_us, served_us, over_us, hops_us, over_hops_us;
  for (auto _ : state) {
    for (int round = 0; round < kRounds; ++round) {
      plain_us.push_back(static_cast<double>(time_calls(plain).quantile(0.5)));
      served_us.push_back(static_cast<double>(
          service.ask(load::Scenario::single_stream, kRoundUs).latency.quantile(0.5)));
      over_us.push_back(served_us.back() - plain_us.back());
      hops_us.push_back(static_cast<double>(time_hops(plain, service.bytes()).quantile(0.5)) -
                        plain_us.back());
      over_hops_us.push_back(over_us.back() - hops_us.back());
    }
  }
  state.counters["plain_p50_us"] = median(plain_us);
  state.counters["served_p50_us"] = median(served_us);
  state.counters["over_us"] = median(over_us);
  state.counters["bare_hops_over_us"] = median(hops_us);
  state.counters["over_hops_us"] = median(over_hops_us);
}

/// Rows a second, of 32 clients with one row each, beside plain calls of whole batches.
template <class Call>
void clients_at_once(benchmark::State& state, const Served& what, const Call& plain_batch) {
  const Service service(what);
  std::vector<double> plain, served, ratio, client_share;
  for (auto _ : state) {
    for (int round = 0; round < kRounds; ++round) {
      const auto times = time_calls(plain_batch);
      plain.push_back(static_cast<double>(times.count() * static_cast<std::uint64_t>(what.batch)) *
                      1e6 / static_cast<double>(std::max<std::uint64_t>(times.sum_us(), 1)));
      const auto outcome = service.ask(load::Scenario::offline, 2 * kRoundUs);
      served.push_back(static_cast<double>(outcome.sent) * 1e6 /
                       static_cast<double>(outcome.took_us));
      ratio.push_back(served.back() / plain.back());
      client_share.push_back(static_cast<double>(outcome.cpu_us) /
                             static_cast<double>(outcome.took_us));
    }
  }
  state.counters["plain_rows_per_s"] = median(plain);
  state.counters["served_rows_per_s"] = median(served);
  state.counters["ratio"] = median(ratio);
  // The clients and the front are this process.
  state.counters["client_and_front_cpus"] = median(client_share);
}

/// Weights of the small network: what it answers does not matter here.
const std::string& digits_model() {
  static test::TempDir directory;
  static test::StepRun training("torch_steps", "torch.train");
  static const std::string path = [] {
    data::write_dataset(directory.path(), digits::generate(200, 1));
    training.with({{"epochs", 1}}).input("dataset", directory.path()).run();
    if (training.status() != SCANFLOW_OK) throw std::runtime_error(training.error());
    return training.artifact("model").string();
  }();
  return path;
}

Served cnn(std::int64_t batch) {
  return {"torch.predict",  "torch_steps",  "images", {-1, 1, 28, 28},
          {{"batch", 500}}, digits_model(), batch,    1};
}
Served resnet(std::int64_t batch) {
  return {"torch.resnet50", "imagenet", "images", {-1, 3, 224, 224}, {{"seed", 1}}, "", batch, 2};
}

void cnn_one_at_a_time(benchmark::State& state) {
  cnn::Online network(digits_model(), 1);
  const std::vector<float> image(data::kPixels, 100);
  one_at_a_time(state, cnn(1), [&] { benchmark::DoNotOptimize(network.probabilities(image)); });
}
BENCHMARK(cnn_one_at_a_time)->Iterations(1)->Unit(benchmark::kSecond);

void cnn_32_clients(benchmark::State& state) {
  cnn::Online network(digits_model(), 1);
  const std::vector<float> images(data::kPixels * kClients, 100);
  clients_at_once(state, cnn(kClients),
                  [&] { benchmark::DoNotOptimize(network.probabilities(images)); });
}
BENCHMARK(cnn_32_clients)->Iterations(1)->Unit(benchmark::kSecond);

void resnet50_one_at_a_time(benchmark::State& state) {
  imagenet::Classifier network({}, 1, 2);
  const std::vector<float> image(imagenet::kPixels, 0.5F);
  one_at_a_time(state, resnet(1), [&] { benchmark::DoNotOptimize(network.classify(image)); });
}
BENCHMARK(resnet50_one_at_a_time)->Iterations(1)->Unit(benchmark::kSecond);

void resnet50_32_clients(benchmark::State& state) {
  constexpr std::int64_t kBatch = 8;
  imagenet::Classifier network({}, 1, 2);
  const std::vector<float> images(imagenet::kPixels * kBatch, 0.5F);
  clients_at_once(state, resnet(kBatch),
                  [&] { benchmark::DoNotOptimize(network.classify(images)); });
}
BENCHMARK(resnet50_32_clients)->Iterations(1)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace scanflow
