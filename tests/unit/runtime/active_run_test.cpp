#include "engine/runtime/active_run.hpp"

#include <gtest/gtest.h>

namespace scanflow::runtime {
namespace {

using run::Event;
using run::EventType;

TEST(ActiveRun, TheRowOfAForEachFollowsItsInstances) {
  Submission submission;
  submission.file = "p.yaml";
  submission.source =
      "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nsteps:\n"
      "  - {name: each, for_each: [1], uses: noop}\n";
  auto prepared =
      prepare(submission, std::make_shared<const loader::Catalog>(loader::Catalog::built_in()));
  ASSERT_TRUE(prepared) << prepared.error().message;
  ActiveRun run("r", submission, *prepared, 1, Keep::in_store);
  store::Batch batch;
  const auto decide = [&] {
    for (const Event& event : run.machine().decide(2, 4).events) run.record(event, batch);
  };
  const auto happens = [&](EventType type, std::uint32_t step, json data) {
    run.apply({.type = type,
               .step = step,
               .attempt = type == EventType::attempt_ended ? 1u : 0u,
               .time_us = 3,
               .data = std::make_shared<const json>(std::move(data))},
              batch);
    decide();
  };
  run.apply(run.created_event(false), batch);
  decide();
  happens(EventType::step_expanded, 0, {{"items", {1}}});
  if (run.machine().step(1).status != run::StepStatus::running)
    happens(EventType::step_resolved, 1, {{"config", json::object()}});
  ASSERT_EQ(run.machine().step(1).status, run::StepStatus::running);
  run.flush_rows(batch);

  batch = {};
  happens(EventType::attempt_ended, 1, json::object());
  run.flush_rows(batch);
  ASSERT_EQ(batch.steps.size(), 2u);
  for (const store::StepRow& row : batch.steps) EXPECT_EQ(row.status, "succeeded") << row.id;
}

}  // namespace
}  // namespace scanflow::runtime
