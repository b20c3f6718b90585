// Searches of runs and experiments: what is found, in which order, page by page.
#include <gmock/gmock.h>

#include "tests/unit/track/tracking.hpp"

namespace scanflow::track {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Search : public Tracking {
 protected:
  Search() : digits_(experiment("digits")) {
    for (const auto& [name, loss] :
         {std::pair{"a", json(0.3)}, {"b", json(0.1)}, {"c", json("NaN")}, {"d", json()}}) {
      ++now_ms_;
      const std::string id = run(digits_, name);
      if (!loss.is_null()) log(id, "loss", loss);
      ok("runs/set-tag", {{"run_id", id}, {"key", "team"}, {"value", *name < 'c' ? "Ds" : "de"}});
      ok("runs/log-parameter", {{"run_id", id}, {"key", "model"}, {"value", name}});
      ids_.push_back(id);
    }
    ok("runs/update", {{"run_id", ids_[0]}, {"status", "FINISHED"}, {"end_time", 5'000}});
  }

  std::vector<std::string> names(json request) {
    if (!request.contains("experiment_ids")) request["experiment_ids"] = {digits_};
    const json answer = ok("runs/search", request);
    next_ = answer.value("next_page_token", "");
    std::vector<std::string> all;
    for (const json& each : answer.at("runs")) all.push_back(each.at("info").at("run_name"));
    return all;
  }
  std::vector<std::string> found(const std::string& filter) { return names({{"filter", filter}}); }
  std::vector<std::string> ordered(const std::string& order) {
    return names({{"order_by", {order}}});
  }

  const std::string digits_;
  std::vector<std::string> ids_;
  std::string next_;
};

TEST_F(Search, TheNewestComeFirst) {
  EXPECT_THAT(names(json::object()), ElementsAre("d", "c", "b", "a"));
  EXPECT_THAT(names({{"experiment_ids", {"0"}}}), IsEmpty());
  EXPECT_THAT(names({{"experiment_ids", {"no number"}}}), IsEmpty());
}

TEST_F(Search, FindsByAllThatIsKnown) {
  EXPECT_THAT(found("metrics.loss < 0.2"), ElementsAre("b"));
  EXPECT_THAT(found("metrics.loss >= 0.1 AND params.model != 'b'"), ElementsAre("a"));
  EXPECT_THAT(found("tags.team = 'Ds'"), ElementsAre("b", "a"));
  EXPECT_THAT(found("tags.team LIKE 'd%'"), ElementsAre("d", "c")) << "case counts";
  EXPECT_THAT(found("tags.team ILIKE 'd_'"), ElementsAre("d", "c", "b", "a"));
  EXPECT_THAT(found("tags.none IS NULL AND params.model IS NOT NULL AND status = 'FINISHED'"),
              ElementsAre("a"));
  EXPECT_THAT(found("attributes.run_name = 'c'"), ElementsAre("c"));
  EXPECT_THAT(found("start_time > 1003"), ElementsAre("d"));
  EXPECT_THAT(found("end_time = 5000"), ElementsAre("a"));
  EXPECT_THAT(found("run_id IN ('" + ids_[1] + "', '" + ids_[3] + "')"), ElementsAre("d", "b"));
  EXPECT_THAT(
      problem("runs/search", {{"experiment_ids", {digits_}}, {"filter", "loss < 1"}}),
      HasSubstr("INVALID_PARAMETER_VALUE: cannot read 'loss < 1' at character 1 ('loss < 1'): runs "
                "have no attribute 'loss'"));
}

TEST_F(Search, FindsByDatasets) {
  ok("runs/log-inputs", {{"run_id", ids_[2]},
                         {"datasets",
                          {{{"dataset", {{"name", "mnist"}, {"digest", "d1"}}},
                            {"tags", {{{"key", "mlflow.data.context"}, {"value", "eval"}}}}}}}});
  EXPECT_THAT(found("dataset.name = 'mnist' AND datasets.digest IN ('d1')"), ElementsAre("c"));
  EXPECT_THAT(found("dataset.context = 'eval'"), ElementsAre("c"));
  EXPECT_THAT(found("dataset.context = 'training'"), IsEmpty());
}

TEST_F(Search, OrdersWithWhatIsMissingLast) {
  EXPECT_THAT(ordered("metrics.loss"), ElementsAre("b", "a", "c", "d"));
  EXPECT_THAT(ordered("metrics.loss DESC"), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(ordered("params.model"), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(ordered("attributes.end_time DESC"), ElementsAre("a", "d", "c", "b"));
  EXPECT_THAT(names({{"order_by", {"tags.team DESC", "start_time ASC"}}}),
              ElementsAre("c", "d", "a", "b"));
}

TEST_F(Search, GoesPageByPage) {
  EXPECT_THAT(names({{"max_results", 3}}), ElementsAre("d", "c", "b"));
  EXPECT_THAT(names({{"max_results", 3}, {"page_token", next_}}), ElementsAre("a"));
  EXPECT_EQ(next_, "");
  EXPECT_THAT(names({{"max_results", 4}}), testing::SizeIs(4));
  EXPECT_EQ(next_, "") << "there is no more";
  EXPECT_EQ(problem("runs/search", {{"experiment_ids", {digits_}}, {"max_results", 0}}),
            "INVALID_PARAMETER_VALUE: 'max_results' must be from 1 to 50000, and is 0");
  EXPECT_THAT(problem("runs/search", {{"experiment_ids", {digits_}}, {"page_token", "x"}}),
              HasSubstr("page_token 'x' is none that this server has given"));
}

TEST_F(Search, WhatWouldCostTooMuchIsRefusedBeforeItBegins) {
  std::string many = "metrics.a > 1";
  for (int i = 0; i < 100; ++i) many += " AND metrics.a > 1";
  EXPECT_THAT(problem("runs/search", {{"filter", many}}), HasSubstr("at most 100 conditions"));
  EXPECT_THAT(
      problem("runs/search", {{"filter", "tags.a LIKE '" + std::string(20'000, '%') + "'"}}),
      HasSubstr("a pattern has at most 10000 bytes"));
  EXPECT_THAT(problem("runs/search", {{"order_by", std::vector<std::string>(21, "metrics.a")}}),
              HasSubstr("has more than 20 entries"));
}

TEST_F(Search, DeletedOnesAreFoundWhereTheyAreAskedFor) {
  ok("runs/delete", {{"run_id", ids_[3]}});
  EXPECT_THAT(names(json::object()), ElementsAre("c", "b", "a"));
  EXPECT_THAT(names({{"run_view_type", "DELETED_ONLY"}}), ElementsAre("d"));
  EXPECT_THAT(names({{"run_view_type", "ALL"}}), ElementsAre("d", "c", "b", "a"));
  EXPECT_THAT(problem("runs/search", {{"run_view_type", "SOME"}}),
              HasSubstr("must be ACTIVE_ONLY"));
}

TEST_F(Search, ExperimentsAreFoundToo) {
  ++now_ms_;
  const std::string other = experiment("other");
  ok("experiments/set-experiment-tag", {{"experiment_id", other}, {"key", "team"}, {"value", "x"}});
  const auto found = [&](const json& request) {
    std::vector<std::string> all;
    const json answer = ok("experiments/search", request);
    next_ = answer.value("next_page_token", "");
    for (const json& each : answer.at("experiments")) all.push_back(each.at("name"));
    return all;
  };
  EXPECT_THAT(found({{"max_results", 100}}), ElementsAre("other", "digits", "Default"));
  EXPECT_THAT(found({{"filter", "tags.team = 'x'"}}), ElementsAre("other"));
  EXPECT_THAT(found({{"filter", "name LIKE 'd%'"}}), ElementsAre("digits"));
  EXPECT_THAT(found({{"order_by", {"name"}}, {"max_results", 2}}),
              ElementsAre("Default", "digits"));
  EXPECT_THAT(found({{"order_by", {"name"}}, {"max_results", 2}, {"page_token", next_}}),
              ElementsAre("other"));
  ok("experiments/delete", {{"experiment_id", other}});
  EXPECT_THAT(found({{"view_type", "DELETED_ONLY"}}), ElementsAre("other"));
}

}  // namespace
}  // namespace scanflow::track
