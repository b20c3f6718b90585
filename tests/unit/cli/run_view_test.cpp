#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>

#include "engine/cli/progress.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::cli {
namespace {

json accepted() {
  const auto step = [](const char* name, json needs) {
    return json{{"name", name},        {"uses", "noop"},           {"phase", "main"},
                {"status", "pending"}, {"started_us", 0},          {"ended_us", 0},
                {"attempts", 0},       {"needs", std::move(needs)}};
  };
  return {{"type", "accepted"},    {"run", "0193f2c1-aaaa-7000-8000-000000000000"},
          {"pipeline", "p"},       {"namespace", "default"},
          {"backend", "local"},    {"jobs", 2},
          {"created_us", 1000000}, {"steps", {step("load", json::array()), step("train", {0})}}};
}

json event(const char* type, const char* step, std::int64_t time_us, json more = json::object()) {
  json body = {{"type", type}, {"step", step}, {"time_us", time_us}};
  body.update(more);
  return {{"type", "event"}, {"event", body}};
}

TEST(RunView, FollowsStepsThroughTheirLife) {
  RunView view;
  view.update(accepted());
  EXPECT_EQ(view.place(), "local, 2 at once");
  EXPECT_TRUE(view.update(event("attempt_started", "load", 2000000, {{"attempt", 1}})).empty());
  EXPECT_EQ(view.count("running"), 1u);
  const auto ended =
      view.update(event("attempt_ended", "load", 3000000,
                        {{"attempt", 1}, {"data", {{"outputs", {{"summary", "10 digits"}}}}}}));
  ASSERT_EQ(ended, std::vector<std::uint32_t>{0});
  EXPECT_EQ(view.steps()[0].status, "succeeded");
  EXPECT_EQ(view.steps()[0].message, "10 digits");
  EXPECT_EQ(view.done(), 1u);
}

TEST(RunView, ARetryIsNotTheEnd) {
  RunView view;
  view.update(accepted());
  view.update(event("attempt_started", "load", 2000000, {{"attempt", 1}}));
  view.update(
      event("attempt_ended", "load", 2100000,
            {{"attempt", 1}, {"cause", "crash"}, {"data", {{"message", "SIGSEGV\nmore"}}}}));
  view.update(event("retry_scheduled", "load", 2100000, {{"wake_us", 4100000}}));
  EXPECT_EQ(view.steps()[0].status, "waiting");
  EXPECT_EQ(view.steps()[0].message, "crash: SIGSEGV (tried again in 2 s)");
  EXPECT_EQ(view.done(), 0u);
}

TEST(RunView, EstimatesByTheCriticalPath) {
  RunView view;
  view.update(accepted());
  EXPECT_EQ(view.estimate_us(1000000), 0) << "nothing is known yet";
  view.set_history({{"load", 2.0}, {"train", 10.0}});
  EXPECT_EQ(view.estimate_us(1000000), 12'000'000);
  view.update(event("attempt_started", "load", 1000000, {{"attempt", 1}}));
  view.update({{"type", "progress"},
               {"step", "load"},
               {"attempt", 1},
               {"fraction", 0.5},
               {"message", "half"}});
  EXPECT_EQ(view.estimate_us(2000000), 11'000'000)
      << "half done in a second: one more, and the training";
}

TEST(ProgressPrinter, PrintsALineForEachStepThatEnds) {
  const test::TempDir directory;
  std::FILE* file = std::fopen((directory / "out").c_str(), "w");
  {
    ProgressPrinter printer(ProgressPrinter::Style::lines, ::fileno(file));
    printer.update(accepted());
    printer.update(event("attempt_started", "load", 2000000, {{"attempt", 1}}));
    printer.update(event(
        "attempt_ended", "load", 3500000,
        {{"attempt", 1}, {"cause", "exit"}, {"data", {{"message", "exited with status 3"}}}}));
  }
  std::fclose(file);
  const std::string text = test::read(directory / "out");
  EXPECT_NE(text.find("p  0193f2c1-aaaa  local, 2 at once\n"), std::string::npos) << text;
  EXPECT_NE(text.find("✗ load"), std::string::npos) << text;
  EXPECT_NE(text.find("1.5 s  exit: exited with status 3"), std::string::npos) << text;
}

}  // namespace
}  // namespace scanflow::cli
