// Tests of pipelines whose steps are Pods: images made of what was built here, and what is known of a run.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sdk/base/digest.hpp"
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

class PodBackend : public Pods {
 protected:
  using json = nlohmann::json;

  static void SetUpTestSuite() {
    static const Output built = build_images({"sidecar", "python"});  // once for all suites
    if (built.exit != 0) problem_ = built.err;
  }
  void SetUp() override {
    // Without root podman keeps the networks of its Pods there: the test's podman has to look where the engine's does.
    if (const char* runtime = std::getenv("XDG_RUNTIME_DIR")) runtime_ = runtime;
    if (::geteuid() != 0) ::setenv("XDG_RUNTIME_DIR", scanflow_.files().path().c_str(), 1);
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
    if (!runtime_.empty()) ::setenv("XDG_RUNTIME_DIR", runtime_.c_str(), 1);
  }

  static Program::Environment images() {
    return {{"SCANFLOW_SIDECAR_IMAGE", kImages + "-sidecar:latest"},
            {"SCANFLOW_COMMAND_IMAGE", kImages + "-python:latest"}};
  }
  /// A pipeline of these steps, in YAML.
  std::string pipeline(const std::string& steps) const {
    return scanflow_.files().write("p.yaml",
                                   "apiVersion: scanflow.dev/v1\nkind: Pipeline\n"
                                   "metadata: {name: pods}\ndefaults: {shell: sh}\nsteps:\n" +
                                       steps);
  }
  Output run(const std::string& steps) { return start(steps)->wait(); }
  std::unique_ptr<Program> start(const std::string& steps, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"run", pipeline(steps), "--backend", backend()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return scanflow_.start(arguments, environment());
  }
  virtual std::string backend() const { return "podman"; }
  virtual Program::Environment environment() const { return images(); }
  /// Of all Pods of this test's state directory.
  std::string state_label() const {
    return "scanflow.dev/state=" + sha256_hex(scanflow_.state().string()).substr(0, 12);
  }
  std::vector<podman::Pod> pods() const {
    const auto listed = podman().list(state_label());
    return listed ? *listed : std::vector<podman::Pod>();
  }
  std::string last_run() const {
    const json runs = json::parse(scanflow_({"runs", "list", "-o", "json"}).out);
    return !runs.is_array() || runs.empty() ? "" : runs.at(0).at("run");
  }
  json step(const std::string& name) const {
    const json run = json::parse(scanflow_({"runs", "show", last_run(), "-o", "json"}).out);
    for (const json& each : run.value("steps", json::array()))
      if (each.at("name") == name) return each;
    return {};
  }
  bool runs(const std::string& name) const {
    return eventually([&] {
      const std::string run = last_run();
      const json now = run.empty() ? json() : step(name);
      return now.is_object() && now.value("status", "") == "running" && !pods().empty();
    });
  }
  bool logged(const std::string& text) const {
    return eventually([&] {
      return scanflow_({"runs", "logs", last_run()}).out.find(text) != std::string::npos;
    });
  }

  // --- scenarios.cpp: what is the same wherever steps are Pods
  void eat_too_much();
  void kill_the_engine();
  void train_mnist();

  Scanflow scanflow_;

 private:
  static inline std::string problem_;
  std::string runtime_;
};

}  // namespace scanflow::test
