#include "engine/runtime/run_facts.hpp"

#include <gtest/gtest.h>

#include <future>

#include "tests/support/temp_dir.hpp"

namespace scanflow::runtime {
namespace {

class RunFactsTest : public testing::Test {
 protected:
  RunFactsTest() : store_(std::move(*store::Store::open(files_.path(), {}))) {
    batch_.runs.push_back(
        {.id = "r1", .pipeline = "p", .status = "failed", .backend = "podman", .created_us = 1});
    add({{"type", "run_created"}, {"time_us", 1}, {"data", {{"file", "p"}, {"source", ""}}}});
  }
  void add(const json& event) { batch_.add_event("r1", ++seq_) += event.dump(); }
  void end(const std::string& step, int attempt, const json& data) {
    add({{"type", "attempt_ended"},
         {"time_us", 2},
         {"step", step},
         {"attempt", attempt},
         {"cause", "oom"},
         {"data", data}});
  }
  json document() {
    for (const char* step : {"a", "b"}) {
      batch_.steps.push_back({.run = "r1",
                              .id = step,
                              .status = "failed",
                              .cause = "oom",
                              .position = step[0] == 'a' ? 0u : 1u,
                              .attempts = 2});
    }
    std::promise<Result<void>> done;
    store_->commit(std::move(batch_), [&](Result<void> result) { done.set_value(result); });
    EXPECT_TRUE(done.get_future().get());
    const auto steps = store_->steps("r1").value();
    const store::RunRow run = store_->find_runs("r1").value().at(0);
    return result_document(run, steps, run_facts(*store_, run, steps));
  }

  test::TempDir files_;
  std::unique_ptr<store::Store> store_;
  store::Batch batch_;
  std::int64_t seq_ = 0;
};

TEST_F(RunFactsTest, APostMortemIsThatOfTheLastAttempt) {
  end("a", 1, {{"post_mortem", {{"killed_by", "early"}}}});
  end("a", 2, {{"message", "x"}, {"post_mortem", {{"killed_by", "the kernel"}}}});
  end("b", 1, {{"post_mortem", {{"killed_by", "early"}}}});
  end("b", 2, {{"message", "its sidecar was not there"}});
  const json steps = document()["steps"];
  EXPECT_EQ(steps[0]["post_mortem"]["killed_by"], "the kernel");
  EXPECT_FALSE(steps[1].contains("post_mortem")) << steps[1];
}

TEST_F(RunFactsTest, ThePodIsThatOfTheLastAttemptInOne) {
  const auto place = [&](int attempt, const std::string& pod, int use) {
    add({{"type", "attempt_placed"},
         {"time_us", 2},
         {"step", "a"},
         {"attempt", attempt},
         {"data",
          {{"backend", "podman"},
           {"name", pod},
           {"node", "host7"},
           {"kept", use > 1},
           {"use", use}}}});
  };
  place(1, "scanflow-1", 1);
  place(2, "scanflow-2", 3);
  const json steps = document()["steps"];
  EXPECT_EQ(steps[0]["pod"], json({{"attempt", 2},
                                   {"backend", "podman"},
                                   {"name", "scanflow-2"},
                                   {"node", "host7"},
                                   {"kept", true},
                                   {"use", 3}}));
  EXPECT_FALSE(steps[1].contains("pod")) << steps[1];
}

}  // namespace
}  // namespace scanflow::runtime
