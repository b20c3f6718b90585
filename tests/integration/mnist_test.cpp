// pipelines/mnist/train.yaml, whole, on a few drawn digits: small enough for every day, real all
// the same.
#include <gtest/gtest.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include "engine/pipeline/yaml_values.hpp"
#include "sdk/base/digest.hpp"
#include "tests/integration/server_support.hpp"
#include "tests/support/program.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;

constexpr const char* kTrain = SCANFLOW_SOURCE_DIR "/pipelines/mnist/train.yaml";

class Mnist : public testing::Test {
 protected:
  /// Draws the digits with the step that does so, and gives their directory.
  std::string digits(int count) {
    const std::string file = scanflow_.files().write(
        "digits.yaml",
        "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: digits}\nsteps:\n"
        "  - {name: draw, uses: digits.generate, with: {count: " +
            std::to_string(count) + "}}\n");
    const Output output = scanflow_({"run", file, "-o", "json"});
    EXPECT_EQ(output.exit, 0) << output.out << output.err;
    return step(last_line(output), "draw")["artifacts"]["digits"]["path"];
  }

  Scanflow scanflow_;
};

TEST_F(Mnist, TrainsChoosesEvaluatesRegistersAndReports) {
  const std::string data = digits(1500);
  const std::vector<std::string> arguments{"run", kTrain,     "-p", "data=" + data,
                                           "-p",  "epochs=3", "-o", "json"};
  const Output output = scanflow_(arguments);
  ASSERT_LE(output.exit, 1) << output.out << output.err;
  const json first = last_line(output);
  EXPECT_EQ(first["status"], "succeeded") << first.dump(2);
  const double chosen =
      std::max(step(first, "train[model=cnn1]")["outputs"]["validation_accuracy"].get<double>(),
               step(first, "train[model=cnn2]")["outputs"]["validation_accuracy"].get<double>());
  const json evaluate = step(first, "evaluate");
  EXPECT_GT(evaluate["outputs"]["accuracy"].get<double>(), 0.6) << "it did not learn";
  EXPECT_GT(chosen, 0.6);
  const std::string page =
      read(step(first, "report")["artifacts"]["report"]["path"].get<std::string>() + "/index.html");
  EXPECT_NE(page.find("<svg"), std::string::npos);
  EXPECT_NE(page.find("train[model=cnn1]"), std::string::npos);

  const json second = last_line(scanflow_(arguments));
  EXPECT_EQ(step(second, "train[model=cnn1]")["status"], "cached");
  EXPECT_EQ(step(second, "train[model=cnn2]")["status"], "cached");
  EXPECT_EQ(step(second, "evaluate")["outputs"]["accuracy"], evaluate["outputs"]["accuracy"]);
}

TEST_F(Mnist, ClientsOfMlflowFetchTheModelThatIsRegistered) {
  std::string text = read(kTrain);
  const std::string condition = "accuracy > 0.9";
  ASSERT_NE(text.find(condition), std::string::npos);
  text.replace(text.find(condition), condition.size(), "accuracy > 0");
  const Output ran = scanflow_({"run", scanflow_.files().write("train.yaml", text), "-p",
                                "data=" + digits(300), "-p", "epochs=1"});
  ASSERT_EQ(ran.exit, 0) << ran.out << ran.err;
  const json version = last_line(scanflow_({"model", "show", "mnist_cnn/1", "-o", "json"}));
  ASSERT_EQ(version.at("source"), "mlflow-artifacts:/models/mnist_cnn/1");
  const ServerProgram server(scanflow_);
  const auto get = [&](const std::string& file) {
    const RawConnection connection(server.port());
    connection.send("GET /api/2.0/mlflow-artifacts/artifacts/models/mnist_cnn/1/" + file +
                    " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    const std::string answer = connection.receive();
    return answer.substr(answer.find("\r\n\r\n") + 4);
  };
  EXPECT_NE(get("MLmodel").find("data: weights.pt\n"), std::string::npos) << get("MLmodel");
  const std::string weights = get("weights.pt");
  EXPECT_EQ(sha256_hex(weights), version.at("scanflow").at("sha256"));
  const std::vector<std::string> python{"/usr/bin/python3", "-c"};
  if (Program({python[0], python[1], "import torch"}).wait().exit != 0)
    GTEST_SKIP() << "python3-torch is not installed";
  const Output loaded =
      Program({python[0], python[1],
               "import sys, torch\nprint(torch.load(sys.argv[1])['conv1.weight'].dim())",
               scanflow_.files().write("weights.pt", weights)})
          .wait();
  EXPECT_EQ(loaded.out, "4\n") << loaded.err;
}

TEST_F(Mnist, EditorsCheckThePipelineByItsPlugins) {
  if (Program({"/usr/bin/python3", "-c", "import jsonschema"}).wait().exit != 0) {
    GTEST_SKIP() << "python3-jsonschema is not installed";
  }
  const std::string text = read(kTrain);
  const pipeline::Source source(kTrain, text);
  pipeline::Problems problems(source);
  json right = pipeline::to_json(*pipeline::parse_yaml(source, problems).roots.at(0), problems);
  json wrong = right;
  wrong["steps"][1]["with"]["epochs"] = "many";
  json incomplete = right;
  incomplete["steps"][1]["with"].erase("dataset");
  const Output said =
      Program({"/usr/bin/python3", SCANFLOW_SOURCE_DIR "/tests/unit/pipeline/validate.py",
               scanflow_.files().write("schema", scanflow_({"schema", "--plugins"}).out),
               scanflow_.files().write("documents", json{right, wrong, incomplete}.dump())})
          .wait();
  ASSERT_EQ(said.exit, 0) << said.err;
  const json errors = json::parse(said.out);
  EXPECT_EQ(errors[0], "");
  EXPECT_NE(errors[1], "");
  EXPECT_NE(errors[2], "");
}

TEST_F(Mnist, AKilledEngineDoesNotTrainAgain) {
  const std::string data = digits(3000);
  const auto run = scanflow_.start({"run", kTrain, "-p", "data=" + data, "-p", "epochs=6"});
  const auto training = [&] {
    int warm = 0;  // the warm parent, and its two forks that train
    for (const pid_t pid : scanflow_.processes()) {
      const std::string command = read("/proc/" + std::to_string(pid) + "/cmdline");
      if (command.find("torch_steps.so") != std::string::npos) ++warm;
    }
    return warm == 3;
  };
  ASSERT_TRUE(eventually(training)) << run->out() << run->err();
  run->signal(SIGKILL);
  run->wait();
  const Output output = scanflow_({"runs", "resume", "last", "-o", "json"});
  const json result = last_line(output);
  EXPECT_EQ(result["status"], "succeeded") << output.out << output.err;
  for (const char* name : {"train[model=cnn1]", "train[model=cnn2]"}) {
    EXPECT_EQ(step(result, name)["attempts"], 1) << name;
  }
  const json events = last_line(scanflow_({"runs", "events", "last", "-o", "json"}));
  int started = 0;
  for (const json& event : events) {
    if (event["type"] == "attempt_started" && event["step"].get<std::string>().starts_with("train"))
      ++started;
  }
  EXPECT_EQ(started, 2);
}

TEST_F(Mnist, SpoiltDataIsSaidWithItsPlace) {
  const std::string data = digits(200);
  const std::string images = read(data + "/images-idx3-ubyte");
  scanflow_.files().write("spoilt/images-idx3-ubyte", images.substr(0, images.size() - 100));
  scanflow_.files().write("spoilt/labels-idx1-ubyte", read(data + "/labels-idx1-ubyte"));
  // Also: a relative path is meant from where the caller is.
  const auto spoilt = std::filesystem::relative(scanflow_.files() / "spoilt");
  const Output output = scanflow_({"run", kTrain, "-p", "data=" + spoilt.string()});
  EXPECT_EQ(output.exit, 1) << output.err;
  EXPECT_NE(output.out.find("images-idx3-ubyte"), std::string::npos) << output.out;
  EXPECT_NE(output.out.find("byte"), std::string::npos) << output.out;
}

}  // namespace
}  // namespace scanflow::test
