#include "engine/runtime/checkpoints.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "tests/support/temp_dir.hpp"

namespace scanflow::runtime {
namespace {

namespace fs = std::filesystem;

class CheckpointDirectories : public testing::Test {
 protected:
  std::string of(const std::function<void(protocol::Request&)>& change = {},
                 const std::map<std::string, std::string>& own = {}, bool beside = false) const {
    protocol::Request request;
    request.id = {"run-1", "train[model=cnn1]", 1};
    request.uses = "torch.train";
    request.library = "/plugins/torch.so";
    request.config = R"({"epochs":3})";
    request.inputs = {{"dataset", "/a", "aa", 1, true}};
    if (change) change(request);
    return checkpoint_directory(state_, request, own, beside);
  }
  void leave(const std::string& directory) const { test::write(fs::path(directory) / "c", "x"); }

  test::TempDir files_;
  StateDirectory state_{files_.path(), files_ / "sockets"};
};

TEST_F(CheckpointDirectories, AreThoseOfAStepAndItsWork) {
  const std::string path = of();
  EXPECT_TRUE(path.starts_with((files_ / "checkpoints/run-1/").string())) << path;
  const auto same = [&](const std::function<void(protocol::Request&)>& change) {
    return of(change) == path;
  };
  EXPECT_TRUE(same([](auto& request) { request.id.attempt = 2; }));
  EXPECT_TRUE(same([](auto& request) { request.inputs[0].path = "/elsewhere"; }));
  EXPECT_TRUE(same([](auto& request) { request.threads = 8; }));
  EXPECT_TRUE(same([](auto& request) { request.library = "/plugins/newer/torch.so"; }));
  EXPECT_TRUE(same([](auto& request) { request.env["HOME"] = "/root"; })) << "not the step's own";
  EXPECT_FALSE(same([](auto& request) { request.id.run = "run-2"; }));
  EXPECT_FALSE(same([](auto& request) { request.id.step = "train[model=cnn2]"; }));
  EXPECT_FALSE(same([](auto& request) { request.uses = "torch.tune"; }));
  EXPECT_FALSE(same([](auto& request) { request.config = R"({"epochs":4})"; }));
  EXPECT_FALSE(same([](auto& request) { request.inputs[0].sha256 = "bb"; }));
  EXPECT_FALSE(same([](auto& request) { request.inputs[0].name = "init_from"; }));
  EXPECT_NE(of({}, {{"MODE", "fast"}}), path);
  const auto second = [](auto& request) { request.id.attempt = 2; };
  EXPECT_EQ(of(second, {}, true), path + "-2") << "two at once never write to one";
}

TEST_F(CheckpointDirectories, StepsOfTheEngineItselfHaveNone) {
  const auto builtin = [](auto& request) {
    request.uses = "noop";
    request.library.clear();
  };
  EXPECT_EQ(of(builtin), "");
  EXPECT_NE(of([](auto& request) {
              request.uses = "command";
              request.library.clear();
            }),
            "");
}

TEST_F(CheckpointDirectories, ARunThatRepeatsAnotherTakesThemOver) {
  leave(of());
  const std::string mine = of([](auto& request) { request.id.run = "run-2"; });
  EXPECT_FALSE(has_checkpoints(state_, "run-2", "train[model=cnn1]"));
  inherit_checkpoints(state_, "run-1", "run-2");
  EXPECT_TRUE(fs::exists(fs::path(mine) / "c"));
  EXPECT_FALSE(has_checkpoints(state_, "run-1", "train[model=cnn1]"));
  // Again, as by an engine that goes on with it: what is there since stays.
  leave(of());
  inherit_checkpoints(state_, "run-1", "run-2");
  EXPECT_TRUE(fs::exists(fs::path(mine) / "c"));
  inherit_checkpoints(state_, "nothing", "run-3");
  EXPECT_FALSE(fs::exists(state_.checkpoints() / "run-3"));
}

TEST_F(CheckpointDirectories, GoWithTheirStepAndTheirRun) {
  leave(of());
  const std::string other = of([](auto& request) { request.id.step = "other"; });
  leave(other);
  remove_checkpoints(state_, "run-1", "train[model=cnn1]");
  EXPECT_FALSE(has_checkpoints(state_, "run-1", "train[model=cnn1]"));
  EXPECT_TRUE(fs::exists(other));
  remove_checkpoints(state_, "run-1");
  EXPECT_FALSE(fs::exists(state_.checkpoints() / "run-1"));
}

}  // namespace
}  // namespace scanflow::runtime
