#include "engine/cli/top_view.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/cli/text.hpp"
#include "tests/unit/cli/top_documents.hpp"

namespace scanflow::cli {
namespace {

using namespace test;

TopScreen screen(std::size_t columns, std::size_t rows) {
  TopScreen size;
  size.columns = columns;
  size.rows = rows;
  return size;
}

/// The lines as one text, with how many blank ones stand together.
std::string text_of(const std::vector<std::string>& lines) {
  std::string text;
  std::size_t blank = 0;
  for (const std::string& line : lines) {
    if (line.empty()) {
      ++blank;
      continue;
    }
    if (blank > 0) text += "(" + std::to_string(blank) + ")\n";
    blank = 0;
    text += line + "\n";
  }
  return text;
}

TopState by(TopSort sort) {
  TopState state;
  state.sort = sort;
  return state;
}

std::string shown(const json& top, TopState state, const TopScreen& size,
                  std::int64_t stale_us = 0) {
  const auto rows = top_rows(top, json(), state.sort);
  keep_selected(state, rows);
  const auto lines =
      top_lines(rows, kept_pods(top), state, "/home/ann/.local/state/scanflow", stale_us, size);
  EXPECT_EQ(lines.size(), size.rows);
  return text_of(lines);
}

TEST(TopView, OnTheUsualTerminal) {
  EXPECT_EQ(shown(three(), {}, screen(80, 24)),
            "scanflow top  /home/ann/.local/state/scanflow\n"
            "2 runs, 3 attempts, CPU 1.55, memory 544 MiB; a sidecar sees 2 of them\n"
            "(1)\n"
            "  RUN      STEP          TRY STATE               TIME PROGRESS    CPU▾       MEM\n"
            "▸ 0193f2c1 trai…el=cnn1]   2 paused          1 m 05 s ██░░░  45%  1.25  480 MiB!\n"
            "  0193f2c1 evaluate        1 throttled 30 %  2 h 10 m             0.30    64 MiB\n"
            "  0193f2c1 データを読む    1 running         1 m 05 s                -         -\n"
            "(12)\n"
            "0193f2c1-aaaa-7000  mnist  train[model=cnn1]  attempt 2\n"
            "  epoch 3/5  loss 0.0812  images 12000\n"
            "  offers checkpoint, stop_early; pause of train[model=cnn1] by ann: DONE  stopp…\n"
            "(1)\n"
            "j k select  p pause  r resume  s checkpoint  x cancel  sort: c m t n  q quit\n");
}

TEST(TopView, OnALargeOneThereIsMore) {
  EXPECT_EQ(
      shown(three(), by(TopSort::name), screen(120, 40)),
      "scanflow top  /home/ann/.local/state/scanflow\n"
      "2 runs, 3 attempts, CPU 1.55, memory 544 MiB; a sidecar sees 2 of them\n"
      "(1)\n"
      "  RUN      STEP▴             TRY STATE               TIME PROGRESS     CPU       MEM OF "
      "LIMIT   METRICS\n"
      "▸ 0193f2c1 evaluate            1 throttled 30 %  2 h 10 m             0.30    64 MiB\n"
      "  0193f2c1 train[model=cnn1]   2 paused          1 m 05 s ██░░░  45%  1.25  480 MiB! "
      "█████  94% loss 0.0812  images 120…\n"
      "  0193f2c1 データを読む        1 running         1 m 05 s                -         -\n"
      "(28)\n"
      "0193f2c1-aaaa-7000  mnist  evaluate  attempt 1\n"
      "(3)\n"
      "j k select   p pause   r resume   s checkpoint   x cancel its run   sort: c CPU  m "
      "memory  t time  n name   q quit\n");
}

TEST(TopView, OnASmallOneThereIsWhatMattersMost) {
  EXPECT_EQ(shown(three(), {}, screen(40, 10)),
            "scanflow top  /home/ann…l/state/scanflow\n"
            "2 runs, 3 attempts, CPU 1.55, memory 54…\n"
            "  STEP          STATE                MEM\n"
            "▸ trai…el=cnn1] paused          480 MiB!\n"
            "  evaluate      throttled 30 %    64 MiB\n"
            "  データを読む  running                -\n"
            "(3)\n"
            "j k  p r s x  sort c m t n  q quit\n");
}

TEST(TopView, InAsciiWhereTheLocaleKnowsNoMore) {
  TopScreen size = screen(80, 10);
  size.letters = Letters::ascii;
  const json top = document({attempt(kRun, "a", {{"progress", {{"fraction", 0.5}}}})});
  const std::string text = shown(top, {}, size);
  EXPECT_NE(text.find("CPUv"), std::string::npos) << text;
  EXPECT_NE(text.find("> 0193f2c1 a  "), std::string::npos) << text;
  EXPECT_NE(text.find("###..  50%"), std::string::npos) << text;
}

TEST(TopView, MemoryNearItsLimitIsRedUnlessItsRowIsSelected) {
  TopScreen size = screen(80, 10);
  size.color = true;
  TopState state;
  state.run = kRun;
  state.step = "evaluate";
  const std::string text = shown(three(), state, size);
  EXPECT_NE(text.find("\033[31m 480 MiB!\033[0m"), std::string::npos) << text;
  EXPECT_NE(text.find("\033[7m▸ 0193f2c1 evaluate"), std::string::npos) << text;
  state.step = "train[model=cnn1]";
  EXPECT_EQ(shown(three(), state, size).find("\033[31m"), std::string::npos);
}

TEST(TopView, AsksBeforeARunIsCancelled) {
  TopState state;
  state.cancels = kRun;
  const std::string text = shown(three(), state, screen(80, 24));
  EXPECT_NE(text.find("\ncancel run 0193f2c1-aaaa-7000 with all of its steps? y: yes; any other "
                      "key: no\n"),
            std::string::npos)
      << text;
}

TEST(TopView, TheOutcomeOfAKeyStandsAboveTheLegend) {
  TopState state;
  state.status = "pause of a: DONE";
  const std::string text = shown(three(), state, screen(40, 10));
  EXPECT_NE(text.find("pause of a: DONE\nj k  p r"), std::string::npos) << text;
}

TEST(TopView, SaysThatNothingRunsAndThatNothingNewCame) {
  EXPECT_EQ(shown(document(json::array()), {}, screen(80, 10), 7'000'000),
            "no news for 7.0 s  scanflow top  /home/ann/.local/state/scanflow\n"
            "nothing runs now\n"
            "  Steps show here as soon as they run: 'scanflow run FILE' begins some.\n"
            "(6)\n"
            "j k select  p pause  r resume  s checkpoint  x cancel  sort: c m t n  q quit\n");
}

json many(std::size_t count) {
  json attempts = json::array();
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = "shard[" + std::to_string(1000 + i) + "]";
    attempts.push_back(attempt(kRun, name.c_str()));
  }
  return document(std::move(attempts));
}

TEST(TopView, ShowsThePodOfAnAttemptAndThoseThatAreKept) {
  const json pod = {{"attempt", 1},    {"backend", "podman"}, {"name", "scanflow-1f2e"},
                    {"node", "host7"}, {"kept", true},        {"use", 3}};
  const json top = with_kept(document({attempt(kRun, "a", {{"pod", pod}})}), 1);
  EXPECT_EQ(
      shown(top, {}, screen(100, 20)),
      "scanflow top  /home/ann/.local/state/scanflow\n"
      "1 run, 1 attempt, CPU 0.00, memory 0 B; no sidecar is connected; 1 Pod is kept\n"
      "(1)\n"
      "  RUN                STEP         TRY STATE               TIME PROGRESS    CPU▾       MEM "
      "OF LIMIT\n"
      "▸ 0193f2c1-aaaa-7000 a              1 running         1 m 05 s                -         "
      "-\n"
      "(8)\n"
      "  scanflow-kept1 waits for a step: idle 5.0 s of 30.0 s, 3 of 100 steps, age 40.0 s of "
      "1 h 00 m\n"
      "(1)\n"
      "0193f2c1-aaaa-7000  mnist  a  attempt 1  in Pod scanflow-1f2e on host7, kept: use 3\n"
      "(1)\n"
      "  no sidecar has seen it yet\n"
      "(1)\n"
      "j k select  p pause  r resume  s checkpoint  x cancel  sort: c m t n  q quit\n");
  const std::string wide = shown(top, {}, screen(200, 10));
  EXPECT_NE(wide.find("scanflow-1f2e, kept: use 3"), std::string::npos) << wide;
  EXPECT_NE(top_table(top_rows(top, {}, TopSort::cpu), 0).find("scanflow-1f2e, kept: use 3"),
            std::string::npos);
}

TEST(TopView, OfManyKeptPodsItSaysHowManyMoreThereAre) {
  const json top = with_kept(many(200), 7);
  const std::string text = shown(top, {}, screen(80, 24));
  EXPECT_NE(text.find("\n  and 5 more\n"), std::string::npos) << text;
  EXPECT_EQ(page_of(screen(80, 24), 7), 10u);
}

TEST(TopView, TheSelectedRowIsAlwaysOnTheScreen) {
  const TopScreen size = screen(80, 24);
  EXPECT_EQ(page_of(size), 14u);
  TopState state;
  state.run = kRun;
  for (const char* selected : {"shard[1000]", "shard[1013]", "shard[1014]", "shard[1199]"}) {
    state.step = selected;
    const std::string text = shown(many(200), state, size);
    EXPECT_NE(text.find(std::string("▸ 0193f2c1 ") + selected), std::string::npos) << text;
    std::size_t rows = 0;
    for (std::size_t at = text.find(" shard["); at != std::string::npos;
         at = text.find(" shard[", at + 1))
      ++rows;
    EXPECT_EQ(rows, 15u) << "fourteen rows, and the details of one";
  }
}

TEST(TopView, FitsWhateverTheTerminalIs) {
  json top = three();
  const std::string wide(90, 'w');
  top["attempts"].push_back(attempt(kRun, ("データ[" + wide + "]").c_str(),
                                    {{"metrics", {metric(wide.c_str(), 1e300), metric("é", -1)}},
                                     {"cpu_cores", 512.0},
                                     {"memory_bytes", 1e18},
                                     {"memory_limit_bytes", 1.0},
                                     {"progress", {{"fraction", 7}, {"message", "a\nb\033[2J"}}}}));
  const auto rows = top_rows(top, json(), TopSort::cpu);
  TopState state;
  state.status = wide + wide + wide;
  for (std::size_t columns = 1; columns < 250; columns += columns < 30 ? 1 : 7) {
    for (const std::size_t height : {1, 2, 5, 6, 15, 16, 50}) {
      const auto lines = top_lines(rows, kept_pods(top), state, wide, 0, screen(columns, height));
      EXPECT_EQ(lines.size(), height) << columns;
      for (const std::string& line : lines) {
        EXPECT_LE(width_of(line), columns) << line;
        EXPECT_EQ(line.find_first_of("\033\n"), std::string::npos) << line;
      }
    }
  }
}

TEST(TopTable, IntoAPipeNothingIsCut) {
  const auto rows = top_rows(three(), json(), TopSort::cpu);
  EXPECT_EQ(
      top_table(rows, 0),
      "RUN                 STEP               TRY  STATE               TIME   CPU       MEM    "
      "LIMIT  METRICS                    LAST ASKED\n"
      "0193f2c1-aaaa-7000  train[model=cnn1]    2  paused          1 m 05 s  1.25  480 MiB!  "
      "512 MiB  loss 0.0812  images 12000  pause DONE\n"
      "0193f2c1-aaaa-7000  evaluate             1  throttled 30 %  2 h 10 m  0.30    64 MiB   "
      "     -\n"
      "0193f2c1-bbbb-7000  データを読む         1  running         1 m 05 s     -         -   "
      "     -\n");
  EXPECT_EQ(top_table({}, 0), "");
}

TEST(TopTable, TheSummarySaysWhatSidecarsSee) {
  const auto summary = [](const json& top) {
    return top_summary(top_rows(top, {}, TopSort::cpu), kept_pods(top));
  };
  EXPECT_EQ(summary(document({attempt(kRun, "a")})),
            "1 run, 1 attempt, CPU 0.00, memory 0 B; no sidecar is connected");
  EXPECT_EQ(summary(document({attempt(kRun, "a", {{"observed", true}})})),
            "1 run, 1 attempt, CPU 0.00, memory 0 B; sidecar connected");
  EXPECT_EQ(summary(document(json::array())), "nothing runs now");
  EXPECT_EQ(summary(with_kept(document(json::array()), 2)), "nothing runs now; 2 Pods are kept");
}

}  // namespace
}  // namespace scanflow::cli
