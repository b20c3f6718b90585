// Tests of pipelines whose steps are Pods: images made of what was built here, and what is known of a run.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sdk/base/digest.hpp"
#include "tests/integration/podman/scenarios.hpp"
#include "tests/support/pods.hpp"

namespace scanflow::test {

/// Names of their own for each build directory, also where several are mounted at one path.
inline const std::string kImages = [] {
  struct stat directory {};
  ::stat(SCANFLOW_BINARY_DIR, &directory);
  return fmt::format("localhost/scanflow-suite-{}", directory.st_ino);
}();

inline Output build_images(const std::vector<std::string>& names) {
  std::vector<std::string> argv{"bash",   SCANFLOW_SOURCE_DIR "/deploy/docker/build",
                                "--from", SCANFLOW_BINARY_DIR,
                                "--name", kImages};
  argv.insert(argv.end(), names.begin(), names.end());
  return Program(argv).wait(std::chrono::minutes(3));
}

class PodBackend : public Pods, protected Scenarios {
 protected:
  static void SetUpTestSuite() {
    static const Output built = build_images({"sidecar", "python"});  // once for all suites
    if (built.exit != 0) problem_ = built.err;
  }
  void SetUp() override {
    Pods::SetUp();
    if (IsSkipped()) return;
    ASSERT_EQ(problem_, "") << "the images could not be built";
  }
  void TearDown() override {
    if (!IsSkipped()) {
      EXPECT_TRUE(eventually([&] { return pods().empty(); })) << "Pods stay behind";
      for (const podman::Pod& left : pods()) EXPECT_TRUE(podman().remove(left.name)) << left.name;
    }
    Pods::TearDown();
  }

  static Program::Environment images() {
    return {{"SCANFLOW_SIDECAR_IMAGE", kImages + "-sidecar:latest"},
            {"SCANFLOW_COMMAND_IMAGE", kImages + "-python:latest"}};
  }
  std::string backend() const override { return "podman"; }
  Program::Environment environment() const override { return images(); }
  Program::Environment with_worker() const override {
    const Output built = build_images({"worker"});
    EXPECT_EQ(built.exit, 0) << built.err;
    Program::Environment all = environment();
    all["SCANFLOW_WORKER_IMAGE"] = kImages + "-worker:latest";
    return all;
  }
  std::string unlimited() const override { return no_limits(); }
  bool meets() const override { return ::geteuid() == 0; }
  bool any_pod() const override { return !pods().empty(); }
  /// Of all Pods of this test's state directory.
  std::string state_label() const {
    return "scanflow.dev/state=" + sha256_hex(scanflow_.state().string()).substr(0, 12);
  }
  std::vector<podman::Pod> pods() const {
    const auto listed = podman().list(state_label());
    return listed ? *listed : std::vector<podman::Pod>();
  }

 private:
  static inline std::string problem_;
  const RuntimeDirectory runtime_{scanflow_.files().path()};
};

}  // namespace scanflow::test
