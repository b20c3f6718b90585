// What is the same wherever steps are Pods.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/integration/podman/scenarios.hpp"
#include "tests/support/gang.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string Scenarios::pipeline(const std::string& steps) const {
  return scanflow_.files().write("p.yaml",
                                 "apiVersion: scanflow.dev/v1\nkind: Pipeline\n"
                                 "metadata: {name: pods}\ndefaults: {shell: sh}\nsteps:\n" +
                                     steps);
}

std::unique_ptr<Program> Scenarios::start(const std::string& steps,
                                          std::vector<std::string> more) const {
  std::vector<std::string> arguments = {"run", pipeline(steps), "--backend", backend()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return scanflow_.start(arguments, environment());
}

std::string Scenarios::last_run() const {
  const json runs = json::parse(scanflow_({"runs", "list", "-o", "json"}).out);
  return !runs.is_array() || runs.empty() ? "" : runs.at(0).at("run");
}

json Scenarios::step(const std::string& name) const {
  const json run = json::parse(scanflow_({"runs", "show", last_run(), "-o", "json"}).out);
  for (const json& each : run.value("steps", json::array()))
    if (each.at("name") == name) return each;
  return {};
}

bool Scenarios::runs(const std::string& name) const {
  return eventually(
      [&] {
        const std::string run = last_run();
        const json now = run.empty() ? json() : step(name);
        return now.is_object() && now.value("status", "") == "running" && any_pod();
      },
      kPatience);
}

bool Scenarios::logged(const std::string& text) const {
  return eventually(
      [&] {
        return scanflow_({"runs", "logs", last_run()}).out.find(text) != std::string::npos;
      },
      kPatience);
}

void Scenarios::pass_between_pods() {
  const Output output = run(R"(
  - name: make
    run: |
      mkdir -p $SCANFLOW_ARTIFACTS/data
      echo 42 > $SCANFLOW_ARTIFACTS/data/answer
      echo n=7 >> $SCANFLOW_OUTPUT
      echo 'loss 0.5 step=3' >> $SCANFLOW_METRICS
  - name: use
    needs: [make]
    run: cat $SCANFLOW_INPUT_DATA/answer && echo n is $SCANFLOW_PARAM_N
    with:
      data: ${{ steps.make.artifacts.data }}
      n: ${{ steps.make.outputs.n }}
)");
  ASSERT_EQ(output.exit, 0) << output.out << output.err;
  EXPECT_THAT(scanflow_({"runs", "logs", last_run(), "use"}).out, HasSubstr("42\nn is 7\n"));
  const json made = step("make");
  EXPECT_EQ(made.at("pod").at("backend"), backend()) << made;
  EXPECT_NE(made.at("pod").at("node"), "") << made;
}

void Scenarios::use_secret(const std::string& name, const std::string& key,
                           const std::string& value) {
  const Output output = run(fmt::format(R"(
  - name: a
    secrets: {{PASSWORD: {{secret: {{name: {}, key: {}}}}}}}
    run: |
      echo "it is $PASSWORD, of $(printf %s "$PASSWORD" | wc -c) bytes"
)",
                                        name, key));
  ASSERT_EQ(output.exit, 0) << output.out << output.err;
  const std::string log = scanflow_({"runs", "logs", last_run()}).out;
  EXPECT_THAT(log, HasSubstr(fmt::format("of {} bytes", value.size())));
  EXPECT_THAT(log, Not(HasSubstr(value)));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(scanflow_.state())) {
    if (!entry.is_regular_file()) continue;
    EXPECT_THAT(read(entry.path()), Not(HasSubstr(value))) << entry.path();
  }
}

void Scenarios::eat_too_much() {
  if (!unlimited().empty()) GTEST_SKIP() << unlimited();
  const Output output = run(R"(
  - name: eat
    command: [python3, -c, 'import time; a = [bytearray(8 << 20) for _ in range(1000) if not time.sleep(0.05)]']
    resources: {limits: {memory: 64Mi}}
)");
  EXPECT_EQ(output.exit, 1);
  EXPECT_THAT(output.out + output.err, HasSubstr("oom"));
  const json eat = step("eat");
  EXPECT_EQ(eat.at("error").at("cause"), "oom") << eat;
  EXPECT_THAT(scanflow_({"runs", "show", last_run()}).out, HasSubstr("memory"));
}

void Scenarios::kill_the_engine() {
  const auto program = start(R"(
  - name: first
    run: echo once >> $SCANFLOW_ARTIFACTS/f; echo first ran
  - name: long
    needs: [first]
    run: echo begun; n=0; while [ $n -lt 30 ]; do sleep 0.1; n=$((n+1)); done; echo ended
  - {name: last, needs: [long], run: echo last ran}
)");
  ASSERT_TRUE(runs("long")) << program->err();
  ASSERT_TRUE(logged("begun"));
  const std::string run = last_run();
  program->signal(SIGKILL);
  program->wait();
  const Output resumed = scanflow_({"runs", "resume", run}, environment());
  ASSERT_EQ(resumed.exit, 0) << resumed.out << resumed.err;
  const std::string log = scanflow_({"runs", "logs", run}).out;
  EXPECT_EQ(log.find("begun"), log.rfind("begun")) << "it began twice";
  EXPECT_THAT(log, HasSubstr("ended"));
  EXPECT_THAT(log, HasSubstr("last ran"));
  EXPECT_EQ(step("long").at("attempts"), 1);
}

/// The whole container goes, as it does where the kernel ends all of its processes for want of memory.
void Scenarios::go_on() {
  const Output output = run(R"yaml(
  - name: train
    retry: {limit: 1, backoff: {initial: 10ms}}
    run: |
      cd $SCANFLOW_CHECKPOINTS
      if test -e epoch; then echo "goes on from $(cat epoch)"; exit 0; fi
      echo 7 > epoch
      echo killed
      sleep 1; kill -9 $PPID
      sleep 60
)yaml");
  ASSERT_EQ(output.exit, 0) << output.out << output.err;
  EXPECT_THAT(scanflow_({"runs", "logs", last_run()}).out,
              AllOf(HasSubstr("killed"), HasSubstr("goes on from 7")));
  EXPECT_EQ(step("train").value("attempts", 0), 2) << step("train");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(scanflow_.state()))
    EXPECT_THAT(entry.path().string(), Not(HasSubstr(".saved"))) << "it has succeeded";
}

void Scenarios::meet() {
  if (!meets()) GTEST_SKIP() << "Pods of a user without root have a network each";
  const auto program = start(kMeetingStep, {"-j", "3"});
  const Output output = program->wait(kPatience);
  ASSERT_EQ(output.exit, 0) << output.out << output.err;
  const json meet = step("meet");
  EXPECT_EQ(meet.at("outputs").at("sum"), 3) << "0 + 1 + 2";
  ASSERT_EQ(meet.at("ranks").size(), 3u) << meet;
  EXPECT_NE(meet.at("ranks").at(1).at("pod"), meet.at("ranks").at(2).at("pod"));
  EXPECT_TRUE(meet.at("artifacts").contains("mine@2")) << meet;
  EXPECT_THAT(scanflow_({"runs", "logs", last_run(), "meet@1"}).out, HasSubstr("I am 1 of 3"));
  EXPECT_TRUE(eventually([&] { return !any_pod(); }, kPatience)) << "a Pod of it stays";
}

void Scenarios::train_mnist() {
  const char* worker = SCANFLOW_BINARY_DIR "/lib/scanflow/plugins/torch_steps.so";
  if (!std::filesystem::exists(worker)) GTEST_SKIP() << "there is no libtorch in this build";
  const auto training =
      scanflow_.start({"run", SCANFLOW_SOURCE_DIR "/pipelines/mnist/train.yaml", "--backend",
                       backend(), "-p", "data=auto", "-p", "epochs=400"},
                      with_worker());
  const auto send = [&](const std::string& model, std::vector<std::string> words) {
    words.insert(words.begin(), {"primitive", "send", last_run(), "train[model=" + model + "]"});
    return scanflow_(words);
  };
  const auto done = [&](const std::string& model, const std::vector<std::string>& words) {
    const Output sent = send(model, words);
    EXPECT_EQ(sent.exit, 0) << sent.out << sent.err << training->err();
  };
  for (const char* model : {"cnn1", "cnn2"}) {
    ASSERT_TRUE(eventually(
        [&] {
          const json now =
              last_run().empty() ? json() : step(fmt::format("train[model={}]", model));
          return now.is_object() && now.value("status", "") == "running";
        },
        kPatience))
        << training->err();
    // It says what it offers a moment after it runs.
    ASSERT_TRUE(eventually([&] { return send(model, {"checkpoint"}).exit == 0; }, kPatience))
        << training->err();
  }
  done("cnn1", {"pause"});
  done("cnn1", {"resume"});
  done("cnn1", {"set_param", "-a", "learning_rate=0.004"});
  done("cnn1", {"checkpoint"});
  done("cnn1", {"stop_early"});
  done("cnn2", {"stop_early"});
  const Output output = training->wait(std::chrono::minutes(2));
  EXPECT_EQ(output.exit, 0) << output.out << output.err;
  EXPECT_EQ(step("register").at("status"), "succeeded");
}

}  // namespace scanflow::test
