// Real Pods in tests: an image of their own, and nothing that stays behind. Where this machine's podman cannot run Pods,
// the test is skipped, and says why.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/podman/findings.hpp"
#include "engine/podman/podman.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {

/// This machine's podman; an error says why it cannot run Pods.
inline Result<podman::Podman> podman_here(const std::filesystem::path& directory) {
  auto podman = podman::Podman::open({.directory = directory});
  if (!podman) return fail(podman.error().message);
  for (const auto& each : podman::findings(podman->facts(), podman->settings(), {})) {
    if (each.state == Finding::State::problem)
      return fail(
          fmt::format("podman cannot run Pods here: {}: {}; {}", each.point, each.text, each.fix));
  }
  return std::move(*podman);
}

/// Without root podman keeps the networks of its Pods in $XDG_RUNTIME_DIR: a test's podman has to look where the
/// engine's does.
class RuntimeDirectory {
 public:
  explicit RuntimeDirectory(const std::filesystem::path& directory) {
    if (const char* before = std::getenv("XDG_RUNTIME_DIR")) before_ = before;
    if (::geteuid() != 0) ::setenv("XDG_RUNTIME_DIR", directory.c_str(), 1);
  }
  ~RuntimeDirectory() {
    if (!before_.empty()) ::setenv("XDG_RUNTIME_DIR", before_.c_str(), 1);
  }
  RuntimeDirectory(const RuntimeDirectory&) = delete;
  RuntimeDirectory& operator=(const RuntimeDirectory&) = delete;

 private:
  std::string before_;
};

class Pods : public testing::Test {
 protected:
  void SetUp() override {
    auto podman = podman_here(directory_ / "podman");
    if (!podman) GTEST_SKIP() << podman.error().message;
    podman_ = std::make_unique<podman::Podman>(std::move(*podman));
  }
  void TearDown() override {
    if (podman_ == nullptr) return;
    for (const std::string& pod : made_) EXPECT_TRUE(podman_->remove(pod)) << pod;
    if (!built_) return;
    const auto removed = podman_->remove_image(image());
    EXPECT_TRUE(removed) << removed.error().message;
  }

  /// The first Pod of a test needs it. Its name lies in it: of layers that are alike podman has one, which the
  /// first test to end would take from those beside it.
  void build_image() {
    built_ = true;
    directory_.write("image/Containerfile", "FROM scratch\nCOPY pod name /\n");
    directory_.write("image/name", image());
    std::filesystem::copy_file(SCANFLOW_BINARY_DIR "/tests/pod_program", directory_ / "image/pod");
    const auto built = podman_->build(directory_ / "image", image());
    ASSERT_TRUE(built) << built.error().message;
  }
  const podman::Podman& podman() const { return *podman_; }
  /// Why a limit of a Pod is none here; empty: it is one.
  std::string no_limits() const { return podman::no_limits(podman().settings()); }
  const TempDir& directory() const { return directory_; }
  std::string image() const { return fmt::format("localhost/scanflow-test-{}:1", ::getpid()); }
  /// "scanflow.dev/test=123": of all Pods of this test.
  std::string label() const { return fmt::format("scanflow.dev/test={}", ::getpid()); }
  /// A name that no other test has; the Pod is removed at the end.
  std::string name(const std::string& hint) {
    made_.push_back(fmt::format("scanflow-test-{}-{}", ::getpid(), hint));
    return made_.back();
  }
  /// A Pod of containers that run the test program with these words.
  nlohmann::json pod(const std::string& name,
                     const std::map<std::string, std::vector<std::string>>& containers) {
    if (!built_) build_image();
    nlohmann::json manifest = {
        {"apiVersion", "v1"},
        {"kind", "Pod"},
        {"metadata",
         {{"name", name}, {"labels", {{"scanflow.dev/test", std::to_string(::getpid())}}}}},
        {"spec",
         {{"restartPolicy", "Never"},
          {"shareProcessNamespace", true},
          {"volumes",
           nlohmann::json::array({{{"name", "scanflow"}, {"emptyDir", nlohmann::json::object()}}})},
          {"containers", nlohmann::json::array()}}}};
    for (const auto& [container, words] : containers) {
      nlohmann::json each = {
          {"name", container},
          {"image", image()},
          {"imagePullPolicy", "Never"},
          {"command", {"/pod"}},
          {"args", words},
          {"securityContext",
           {{"runAsUser", 65532}, {"runAsGroup", 65532}, {"readOnlyRootFilesystem", true}}},
          {"resources", {{"limits", {{"memory", "32Mi"}}}}},
          {"volumeMounts",
           nlohmann::json::array({{{"name", "scanflow"}, {"mountPath", "/scanflow"}}})}};
      manifest["spec"]["containers"].push_back(each);
    }
    return manifest;
  }
  void play(const nlohmann::json& manifest) {
    const auto played = podman().play(manifest);
    ASSERT_TRUE(played) << played.error().message;
  }
  /// Of a Pod, by its containers' names, once all are over.
  std::map<std::string, podman::Container> ended(const std::string& pod) {
    std::map<std::string, podman::Container> containers;
    EXPECT_TRUE(eventually([&] {
      const auto seen = podman().inspect(pod);
      if (!seen) return false;
      bool over = true;
      for (const podman::Container& each : seen->containers) {
        containers[each.name] = each;
        over = over && each.over();
      }
      return over;
    })) << pod
        << " does not end";
    return containers;
  }

 private:
  TempDir directory_;
  std::unique_ptr<podman::Podman> podman_;
  std::vector<std::string> made_;
  bool built_ = false;
};

}  // namespace scanflow::test
