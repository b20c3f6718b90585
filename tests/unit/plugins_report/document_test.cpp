#include "plugins/steps/report/document.hpp"

#include <gtest/gtest.h>

#include "plugins/steps/report/format.hpp"
#include "tests/unit/plugins_report/sample.hpp"

namespace scanflow::report {
namespace {

TEST(RunDocument, IsReadWhole) {
  const RunRecord run = parse_run(succeeded_run(), "report");
  EXPECT_EQ(run.pipeline, "mnist-train");
  ASSERT_EQ(run.steps.size(), 6u);
  EXPECT_EQ(run.steps[3].needs, (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(run.steps[5].phase, "on_exit");
  ASSERT_EQ(run.steps[0].artifacts.size(), 2u);
  EXPECT_TRUE(run.steps[0].artifacts[0].directory);
  ASSERT_EQ(run.series.size(), 9u);
  EXPECT_EQ(run.series[0].points.size(), 5u);
  EXPECT_EQ(run.models.at(0).version, "3");
  EXPECT_DOUBLE_EQ(total_seconds(run), 21.45);
}

TEST(RunDocument, TellsWhatTheMainStepsCameTo) {
  EXPECT_EQ(parse_run(succeeded_run(), "report").status, "succeeded");
  EXPECT_EQ(parse_run(failed_run(), "report").status, "failed");
  json halfway = succeeded_run();
  halfway["steps"][4]["status"] = "running";
  EXPECT_EQ(parse_run(halfway, "report").status, "running");
  json as_main_step = succeeded_run();
  as_main_step["steps"][5]["phase"] = "main";
  EXPECT_EQ(parse_run(as_main_step, "report").status, "succeeded");
  json cancelled = succeeded_run();
  cancelled["status"] = "cancelled";
  EXPECT_EQ(parse_run(cancelled, "report").status, "cancelled");
}

TEST(RunDocument, TakesWhatIsMissingOrOdd) {
  EXPECT_THROW(parse_run(json::array(), ""), std::invalid_argument);
  EXPECT_EQ(parse_run(json::object(), "").steps.size(), 0u);
  const RunRecord run = parse_run(
      {{"params", 3},
       {"steps", {1, {{"name", "a"}, {"needs", {"nobody", "a", 7}}, {"artifacts", {{"x", 1}}}}}},
       {"metrics",
        {2, {{"name", "m"}, {"step", "a"}, {"points", {{1, nullptr}, {2}, 3, {4, 0.5}}}}}},
       {"models", {"none"}}},
      "a");
  ASSERT_EQ(run.steps.size(), 1u);
  EXPECT_TRUE(run.steps[0].needs.empty());
  ASSERT_EQ(run.series.size(), 1u);
  EXPECT_EQ(run.series[0].points.size(), 1u);
}

TEST(RunDocument, KeepsTheLastAttemptsMetrics) {
  json run = succeeded_run();
  json again = run["metrics"][0];
  again["attempt"] = 2;
  again["points"] = {{3, 0.5, 0}, {1, 0.9, 0}};
  run["metrics"].push_back(again);
  int of_cnn1 = 0;
  for (const Series& series : parse_run(run, "").series) {
    if (series.step != "train[model=cnn1]") continue;
    ++of_cnn1;
    EXPECT_EQ(series.points.front().x, 1);  // sorted
    EXPECT_EQ(series.points.size(), 2u);
  }
  EXPECT_EQ(of_cnn1, 1);
}

TEST(RunDocument, JoinsASeriesThatComesInPieces) {
  json run = succeeded_run();
  json metrics = json::array();  // as a table sorted by training step gives it
  for (std::size_t epoch = 0; epoch < 5; ++epoch) {
    for (json metric : run["metrics"]) {
      if (epoch >= metric["points"].size()) continue;
      metric["points"] = json::array({metric["points"][epoch]});
      metrics.push_back(std::move(metric));
    }
  }
  run["metrics"] = metrics;
  const RunRecord joined = parse_run(run, "report"), whole = parse_run(succeeded_run(), "report");
  ASSERT_EQ(joined.series.size(), whole.series.size());
  for (std::size_t i = 0; i < whole.series.size(); ++i) {
    EXPECT_EQ(joined.series[i].points.size(), whole.series[i].points.size());
  }
}

TEST(Format, WritesValuesForPeople) {
  EXPECT_EQ(seconds_text(0.0501), "50 ms");
  EXPECT_EQ(seconds_text(8.14), "8.1 s");
  EXPECT_EQ(seconds_text(59.97), "1 m 00 s");
  EXPECT_EQ(seconds_text(7800), "2 h 10 m");
  EXPECT_EQ(bytes_text(900), "900 B");
  EXPECT_EQ(bytes_text(86240), "84.2 KiB");
  EXPECT_EQ(bytes_text(1 << 30), "1.0 GiB");
  EXPECT_EQ(time_text(1795449207000000), "2026-11-23 15:53:27 UTC");
  EXPECT_EQ(number_text(0.9815), "0.9815");
  EXPECT_EQ(number_text(0.5), "0.5");
  EXPECT_EQ(number_text(-1962), "-1,962");
  EXPECT_EQ(number_text(1.23e-7), "1.23e-07");
  EXPECT_EQ(count_text(1234567), "1,234,567");
  EXPECT_EQ(plural(1, "step"), "1 step");
}

TEST(Format, EscapesAndShortens) {
  EXPECT_EQ(escape("<script>\"a\" & 'b'\x01"),
            "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;\xEF\xBF\xBD");
  EXPECT_EQ(shorten("grüße", 4), "grü…");
  EXPECT_EQ(shorten_middle("train[model=cnn1,lr=0.01]", 11), "train…0.01]");
  EXPECT_EQ(shell_word("train[model=cnn1]"), "'train[model=cnn1]'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("load-data"), "load-data");
}

}  // namespace
}  // namespace scanflow::report
