// What is the same wherever steps are Pods.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>

#include "tests/integration/podman/pod_backend.hpp"

namespace scanflow::test {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

void PodBackend::eat_too_much() {
  if (!no_limits().empty()) GTEST_SKIP() << no_limits();
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

void PodBackend::kill_the_engine() {
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

void PodBackend::train_mnist() {
  const char* worker = SCANFLOW_BINARY_DIR "/lib/scanflow/plugins/torch_steps.so";
  if (!std::filesystem::exists(worker)) GTEST_SKIP() << "there is no libtorch in this build";
  const Output built = build_images({"worker"});
  ASSERT_EQ(built.exit, 0) << built.err;
  Program::Environment all = environment();
  all["SCANFLOW_WORKER_IMAGE"] = kImages + "-worker:latest";
  const auto training =
      scanflow_.start({"run", SCANFLOW_SOURCE_DIR "/pipelines/mnist/train.yaml", "--backend",
                       backend(), "-p", "data=auto", "-p", "epochs=400"},
                      all);
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
        std::chrono::seconds(60)))
        << training->err();
    // It says what it offers a moment after it runs.
    ASSERT_TRUE(
        eventually([&] { return send(model, {"checkpoint"}).exit == 0; }, std::chrono::seconds(60)))
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
