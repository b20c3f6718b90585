// A training on real digits that is steered from the command line while it runs: through the engine,
// its hub, the sidecar and the supervisor. What was asked shows in the metrics that arrive.
#include <gtest/gtest.h>
#include <signal.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/store/store.hpp"
#include "tests/support/program.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;

class SteeredTraining : public testing::Test {
 protected:
  void SetUp() override {
    const char* data = std::getenv("SCANFLOW_DATA");
    if (data == nullptr ||
        !std::filesystem::exists(std::filesystem::path(data) / "t10k-images-idx3-ubyte.gz")) {
      GTEST_SKIP() << "set SCANFLOW_DATA to a directory with t10k-images-idx3-ubyte.gz";
    }
    const std::string file = scanflow_.files().write(
        "train.yaml",
        "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: steered}\nsteps:\n"
        "  - {name: load, uses: mnist.load, with: {path: " +
            std::string(data) +
            "}}\n"
            "  - name: train\n    needs: [load]\n    uses: torch.train\n    with:\n"
            "      dataset: '${{ steps.load.artifacts.train }}'\n"
            "      epochs: 10000\n      schedule: constant\n      learning_rate: 0.03\n"
            "      checkpoint_every: 0\n");
    training_ = scanflow_.start({"run", file, "-o", "json"});
    ASSERT_TRUE(eventually([&] { return !run().empty(); })) << training_->err();
  }

  std::string run() const {
    const auto store = store::Store::open_read_only(scanflow_.state());
    if (!store) return {};
    const auto runs = (*store)->runs({});
    return runs && !runs->empty() ? runs->front().id : std::string();
  }
  /// Of the training: all that were logged so far.
  std::vector<store::MetricRow> logged(const std::string& name) const {
    std::vector<store::MetricRow> found;
    const auto store = store::Store::open_read_only(scanflow_.state());
    const auto rows = store ? (*store)->metrics(run()) : fail("");
    for (const store::MetricRow& row : rows ? *rows : std::vector<store::MetricRow>()) {
      if (row.name == name) found.push_back(row);
    }
    return found;
  }
  /// What became of it.
  json send(const std::string& primitive, std::vector<std::string> arguments = {}) const {
    std::vector<std::string> all{"primitive", "send", run(), "train", primitive, "-o", "json"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Output output = scanflow_(all);
    json answer = last_line(output);
    EXPECT_EQ(answer.value("outcome", ""), "DONE") << output.out << output.err;
    EXPECT_EQ(output.exit, 0);
    return answer;
  }

  const Scanflow scanflow_;
  std::unique_ptr<Program> training_;
};

TEST_F(SteeredTraining, WhatIsAskedShowsInItsMetrics) {
  ASSERT_TRUE(eventually([&] { return logged("loss").size() >= 2; }, std::chrono::seconds(60)))
      << training_->err();

  // Paused it learns nothing: no epoch ends, where one took a fraction of that.
  send("pause");
  const std::size_t before = logged("loss").size();
  EXPECT_FALSE(eventually([&] { return logged("loss").size() > before + 1; },
                          std::chrono::milliseconds(1500)));
  send("resume");
  EXPECT_TRUE(eventually([&] { return logged("loss").size() > before + 1; }));

  send("set_param", {"-a", "learning_rate=0.004"});
  EXPECT_TRUE(eventually([&] {
    const auto rates = logged("learning_rate");
    return !rates.empty() && std::fabs(rates.back().value - 0.004) < 1e-9;
  }));

  const json saved = send("checkpoint");
  const json& evidence = saved["evidence"];
  EXPECT_TRUE(std::filesystem::exists(evidence.at("path").get<std::string>())) << saved.dump(1);
  EXPECT_TRUE(eventually([&] { return !logged("checkpoint_bytes").empty(); }));

  send("stop_early");
  const Output output = training_->wait(std::chrono::seconds(60));
  const json result = last_line(output);
  EXPECT_EQ(output.exit, 0) << output.err;
  EXPECT_EQ(step(result, "train")["status"], "succeeded");
  EXPECT_LT(logged("loss").size(), 2000U) << "it did not stop early";

  const Output shown = scanflow_({"runs", "show", run()});
  for (const char* primitive : {"pause", "resume", "set_param", "checkpoint", "stop_early"})
    EXPECT_NE(shown.out.find(primitive), std::string::npos) << primitive << "\n" << shown.out;
}

TEST_F(SteeredTraining, AnEngineThatIsKilledLetsAPausedTrainingGoOn) {
  ASSERT_TRUE(eventually([&] { return logged("loss").size() >= 2; }, std::chrono::seconds(60)))
      << training_->err();
  send("pause");
  training_->signal(SIGKILL);
  training_->wait();
  EXPECT_TRUE(eventually([&] {
    return read(scanflow_.state() / "supervisor.log").find("no engine watches") !=
           std::string::npos;
  })) << read(scanflow_.state() / "supervisor.log");
  // What it has learnt since then waits for the engine that comes.
  const std::size_t before = logged("loss").size();
  const auto resumed = scanflow_.start({"run", "--resume", run(), "-o", "json"});
  EXPECT_TRUE(eventually([&] { return logged("loss").size() > before + 1; })) << resumed->err();
  ASSERT_TRUE(eventually([&] {
    return scanflow_({"primitive", "send", run(), "train", "stop_early"}).exit == 0;
  }));
  EXPECT_EQ(resumed->wait(std::chrono::seconds(60)).exit, 0);
}

}  // namespace
}  // namespace scanflow::test
