#include "engine/cli/post_mortem_view.hpp"

#include <gtest/gtest.h>

namespace scanflow::cli {
namespace {

using nlohmann::json;

constexpr double kMiB = 1 << 20;

json curve_document(const char* signal, json values) {
  return {{"signal", signal}, {"unit", "bytes"}, {"step_s", 1}, {"values", std::move(values)}};
}

/// What a sidecar tells of a step that ran out of memory.
json out_of_memory() {
  return {{"cause", "out_of_memory"},
          {"certain", true},
          {"reason", "out of memory: killed (SIGKILL) at its limit"},
          {"summary", "limit 512 MiB; out of memory"},
          {"signal", "SIGKILL"},
          {"memory",
           {{"peak_bytes", 520 * kMiB},
            {"limit_bytes", 512 * kMiB},
            {"slope_bytes_s", 9 * kMiB},
            {"growing_s", 41.0}}},
          {"pressure", {{"memory", 0.38}, {"cpu", 0.001}}},
          {"curves",
           {curve_document("memory_bytes", {128 * kMiB, 256 * kMiB, nullptr, 512 * kMiB}),
            curve_document("cpu_cores", {1.0, 1.0, 0.5}), curve_document("threads", {4, 4, 4})}},
          {"last_lines", {"epoch 3", "epoch 4", "  batch\t118 / 225\033[2J"}},
          {"checkpoint",
           {{"path", "/state/checkpoints/r1/train/w1/training.checkpoint"},
            {"epoch", 4},
            {"sha256", "00ff"},
            {"seconds_before", 3.0}}}};
}

Ended ended(json post_mortem, std::string message = "", std::string cause = "oom") {
  return {std::move(post_mortem), std::move(message), std::move(cause), "scanflow runs retry r1"};
}

TEST(PostMortem, IsUnderstoodAtAGlance) {
  EXPECT_EQ(post_mortem_lines(ended(out_of_memory()), 0, Letters::unicode),
            "  limit 512 MiB, peak 520 MiB, growing 9.0 MiB/s for 41.0 s\n"
            "  memory ▃▅ █  CPU ██▅  pressure: memory 38 %\n"
            "  last lines:\n"
            "    epoch 3\n"
            "    epoch 4\n"
            "      batch 118 / 225·[2J\n"
            "  checkpoint: epoch 4, taken 3.0 s before the end\n"
            "  go on from it: scanflow runs retry r1\n");
}

TEST(PostMortem, IsReadableWhereTheLocaleKnowsAsciiOnly) {
  const std::string text = post_mortem_lines(ended(out_of_memory()), 0, Letters::ascii);
  EXPECT_NE(text.find("  memory -+ @  CPU @@+  pressure"), std::string::npos) << text;
}

TEST(PostMortem, FitsANarrowTerminalButForWhatIsToBePasted) {
  EXPECT_EQ(post_mortem_lines(ended(out_of_memory()), 20, Letters::unicode),
            "  limit 512 MiB, pe…\n"
            "  memory ▃▅ █  CPU …\n"
            "  last lines:\n"
            "    epoch 3\n"
            "    epoch 4\n"
            "      batch 118 / 2…\n"
            "  checkpoint: epoch…\n"
            "  go on from it: scanflow runs retry r1\n");
}

TEST(PostMortem, SaysNothingTwice) {
  const std::string message = "out of memory: limit 512 MiB, reached 520 MiB after 41.0 s";
  const std::string text = post_mortem_lines(ended(out_of_memory(), message), 0, Letters::unicode);
  EXPECT_TRUE(text.starts_with("  growing 9.0 MiB/s for 41.0 s\n")) << text;
  EXPECT_EQ(post_mortem_line(ended(out_of_memory(), message), Letters::unicode),
            "growing 9.0 MiB/s for 41.0 s  memory ▃▅ █  CPU ██▅  pressure: memory 38 %  "
            "checkpoint: epoch 4, taken 3.0 s before the end");
}

TEST(PostMortem, APeakBelowTheLimitThatWasReachedIsOnlyTheLastSample) {
  const json told = {{"memory", {{"peak_bytes", 119 * kMiB}, {"limit_bytes", 150 * kMiB}}}};
  EXPECT_EQ(post_mortem_lines(ended(told), 0, Letters::unicode), "  limit 150 MiB\n");
  EXPECT_EQ(post_mortem_lines(ended(told, "", "crash"), 0, Letters::unicode),
            "  limit 150 MiB, peak 119 MiB\n");
}

TEST(PostMortem, AGuessIsOne) {
  json told = {{"cause", "out_of_memory"},
               {"certain", false},
               {"reason", "killed (SIGKILL) at its memory limit"}};
  EXPECT_EQ(post_mortem_lines(ended(told, "killed by SIGKILL", "crash"), 0, Letters::unicode),
            "  probably killed (SIGKILL) at its memory limit\n");
  told["certain"] = true;
  EXPECT_EQ(post_mortem_line(ended(told, "killed by SIGKILL", "crash"), Letters::unicode),
            "killed (SIGKILL) at its memory limit");
}

TEST(PostMortem, WhereTheSidecarKnewNothingThereAreTheLastLines) {
  const json told = {{"last_lines", {"a", "b", "c", "d", "e", "f"}}};
  EXPECT_EQ(post_mortem_lines(ended(told, "exited with status 3; last line: f", "exit"), 0,
                              Letters::unicode),
            "  last lines:\n    b\n    c\n    d\n    e\n    f\n");
  EXPECT_EQ(post_mortem_line(ended(told, "", "exit"), Letters::unicode), "");
  const json one = {{"last_lines", {"no such file"}}};
  EXPECT_EQ(post_mortem_lines(ended(one, "exited with status 3; last line: no such file", "exit"),
                              0, Letters::unicode),
            "");
}

TEST(PostMortem, OfNothingOrOfWhatNobodyUnderstandsSaysNothing) {
  for (const json& told : {json(), json::object(), json("text"), json{{"note", "it is not kept"}},
                           json{{"memory", 3}, {"curves", "x"}, {"last_lines", {1, nullptr}}},
                           json{{"curves", {{{"signal", "memory_bytes"}, {"values", {"x"}}}}}}}) {
    EXPECT_EQ(post_mortem_lines(ended(told), 0, Letters::unicode), "") << told;
    EXPECT_EQ(post_mortem_line(ended(told), Letters::unicode), "") << told;
  }
}

TEST(PostMortem, ACheckpointOfItsOwnIsNamedButNothingGoesOnFromIt) {
  const json told = {{"checkpoint", {{"path", "/tmp/saved"}, {"seconds_before", 0.5}}}};
  EXPECT_EQ(post_mortem_lines(ended(told, "", "crash"), 0, Letters::unicode),
            "  checkpoint: /tmp/saved, taken 0.5 s before the end\n");
}

TEST(PostMortem, SaysThatTheSidecarWarned) {
  EXPECT_EQ(post_mortem_lines(ended({{"warned_seconds_before", 2.5}}), 0, Letters::unicode),
            "  its sidecar warned 2.5 s before\n");
}

}  // namespace
}  // namespace scanflow::cli
