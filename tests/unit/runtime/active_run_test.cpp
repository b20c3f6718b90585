#include "engine/runtime/active_run.hpp"

#include <gtest/gtest.h>

#include <sstream>

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

TEST(ActiveRun, KnowsThePodOfAnAttemptAlsoFromItsRecord) {
  Submission submission;
  submission.file = "p.yaml";
  submission.source =
      "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nsteps:\n"
      "  - {name: a, uses: noop}\n";
  auto prepared =
      prepare(submission, std::make_shared<const loader::Catalog>(loader::Catalog::built_in()));
  ASSERT_TRUE(prepared) << prepared.error().message;
  ActiveRun run("r", submission, *prepared, 1, Keep::in_store);
  store::Batch batch;
  run.apply(run.created_event(false), batch);
  for (const Event& event : run.machine().decide(2, 4).events) run.record(event, batch);
  ASSERT_EQ(run.machine().step(0).status, run::StepStatus::running);
  EXPECT_TRUE(run.pod_of(0, 1).is_null());
  run.apply({.type = EventType::attempt_placed,
             .step = 0,
             .attempt = 1,
             .time_us = 3,
             .data = std::make_shared<const json>(json{{"name", "scanflow-1"}, {"use", 2}})},
            batch);
  const json expected = {{"attempt", 1}, {"name", "scanflow-1"}, {"use", 2}};
  EXPECT_EQ(run.pod_of(0, 1), expected);
  EXPECT_EQ(run.machine().step(0).status, run::StepStatus::running);

  ActiveRun next("r", submission, *prepared, 1, Keep::in_store);
  std::int64_t seq = 0;
  for (const store::EventBlock& block : batch.events) {
    std::istringstream lines(block.body);
    for (std::string line; std::getline(lines, line);) {
      const json document = json::parse(line);
      Event event = run::from_json(document);
      if (document.contains("step")) event.step = next.index_of(document["step"]);
      next.replay(event, ++seq);
    }
  }
  EXPECT_EQ(next.pod_of(0, 1), expected);
}

}  // namespace
}  // namespace scanflow::runtime
