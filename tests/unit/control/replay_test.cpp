// What agents would have decided of a record.
#include "engine/control/replay.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "engine/pipeline/agent_reader.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/control/plugins.hpp"

namespace scanflow::control {
namespace {

using testing::HasSubstr;

class Replay : public testing::Test {
 protected:
  void SetUp() override {
    auto catalog = test::control_plugins(plugins_.path());
    ASSERT_TRUE(catalog) << catalog.error().message;
    catalog_ = std::make_shared<loader::Catalog>(std::move(*catalog));
  }
  /// "SECONDS RULE STATE", of each decision.
  std::vector<std::string> decided(const std::string& rules, const std::string& lines,
                                   std::int64_t until_us = 0) {
    const std::string text =
        "apiVersion: scanflow.dev/v1\nkind: Agent\nmetadata: {name: a}\nrules:\n" + rules;
    const auto read = pipeline::read_agent("a.yaml", text, *catalog_);
    EXPECT_TRUE(read.agent) << pipeline::render(read.errors, text);
    const auto record = read_record("r.jsonl", lines);
    EXPECT_TRUE(record) << record.error().message;
    if (!read.agent || !record) return {};
    const auto all =
        replay({read.agent, catalog_, WORKER_PROGRAM, until_us, [](const auto&) {}}, *record);
    EXPECT_TRUE(all) << all.error().message;
    std::vector<std::string> texts;
    for (const Decision& each : *all)
      texts.push_back(fmt::format("{} {} {}", each.time_us / 1'000'000, each.rule, each.state));
    return texts;
  }
  const test::TempDir plugins_;
  std::shared_ptr<const loader::Catalog> catalog_;
};

std::string sample(int second, double value) {
  return fmt::format(
      R"({{"time_us": {}000000, "sample": {{"name": "load", "labels": {{"run": "r"}}, "value": {}}}}})"
      "\n",
      second, value);
}

TEST_F(Replay, SamplesFireAtTheirTimes) {
  std::string lines;
  for (int second = 100; second < 200; ++second)
    lines += sample(second, second >= 130 && second < 160 ? 0.9 : 0.1);
  EXPECT_THAT(
      decided("  - {name: high, on: {metric: {name: load, above: 0.5, for: 10s}}, see: {now: "
              "\"${{ metrics.last('load') }}\"}, when: \"${{ see.now > 0.8 }}\", do: [{emit: "
              "{type: x}}]}\n",
              lines),
      testing::ElementsAre("140 high recommended"));
}

TEST_F(Replay, TimersGoOnBetweenAndGuardsHold) {
  EXPECT_THAT(
      decided("  - {name: tick, on: {interval: {every: 10s}}, do: [{emit: {type: x}}], guard: "
              "{cooldown: 25s}}\n",
              sample(100, 1), 140'000'000),
      testing::ElementsAre("110 tick recommended", "120 tick held", "130 tick held",
                           "140 tick recommended"));
}

TEST_F(Replay, EventsWakeRulesOnceEach) {
  std::string lines;
  for (int second = 5; second < 8; ++second)
    lines += fmt::format(
        R"({{"time_us": {}000000, "event": {{"type": "drift.x", "payload": {{"n": {}}}}}}})"
        "\n",
        second, second);
  const std::string rules =
      "  - {name: see, on: {event: {type: drift.*}}, when: \"${{ event.payload.n > 5 }}\", do: "
      "[{emit: {type: x}}]}\n";
  const auto first = decided(rules, lines);
  EXPECT_THAT(first, testing::ElementsAre("6 see recommended", "7 see recommended"));
  EXPECT_EQ(decided(rules, lines), first) << "the same again";
}

TEST(ReadRecord, SaysWhichLineIsWrong) {
  EXPECT_THAT(read_record("r", "\n{\"time_us\": 5}\n").error().message, HasSubstr("r:2: "));
  EXPECT_THAT(read_record("r", "nonsense").error().message, HasSubstr("r:1: "));
  const std::string line = sample(1, 2);
  EXPECT_EQ(
      to_json(read_record("r", line)->front()).dump(),
      R"({"sample":{"kind":"gauge","labels":{"run":"r"},"name":"load","value":2.0},"time_us":1000000})");
}

}  // namespace
}  // namespace scanflow::control
