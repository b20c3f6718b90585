// Experiments, runs and what is logged to them: answers and problems as MLflow's clients expect them.
#include <gmock/gmock.h>

#include "tests/unit/track/tracking.hpp"

namespace scanflow::track {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Experiments : public Tracking {};
class Runs : public Tracking {};
class Logging : public Tracking {};

TEST_F(Experiments, ThereIsADefaultOneThatStays) {
  const json found = ok("experiments/get", {{"experiment_id", "0"}}).at("experiment");
  EXPECT_EQ(found.at("name"), "Default");
  EXPECT_EQ(found.at("artifact_location"), "mlflow-artifacts:/0");
  EXPECT_THAT(problem("experiments/delete", {{"experiment_id", "0"}}),
              StartsWith("INVALID_PARAMETER_VALUE: the experiment 'Default' (0)"));
}

TEST_F(Experiments, AreMadeFoundChangedDeletedAndRestored) {
  now_ms_ = 5'000;
  const std::string id =
      ok("experiments/create", {{"name", "digits"}, {"tags", {{{"key", "team"}, {"value", "ds"}}}}})
          .at("experiment_id");
  EXPECT_EQ(id, "1");
  const json expected = {{"experiment_id", "1"},
                         {"name", "digits"},
                         {"artifact_location", "mlflow-artifacts:/1"},
                         {"lifecycle_stage", "active"},
                         {"creation_time", 5000},
                         {"last_update_time", 5000},
                         {"tags", {{{"key", "team"}, {"value", "ds"}}}}};
  EXPECT_EQ(ok("experiments/get", {{"experiment_id", id}}).at("experiment"), expected);
  EXPECT_EQ(ok("experiments/get-by-name", {{"experiment_name", "digits"}}).at("experiment"),
            expected);
  now_ms_ = 6'000;
  ok("experiments/update", {{"experiment_id", id}, {"new_name", "numbers"}});
  ok("experiments/set-experiment-tag", {{"experiment_id", id}, {"key", "k"}, {"value", "v"}});
  ok("experiments/delete-experiment-tag", {{"experiment_id", id}, {"key", "team"}});
  json found = ok("experiments/get", {{"experiment_id", id}}).at("experiment");
  EXPECT_EQ(found.at("name"), "numbers");
  EXPECT_EQ(found.at("last_update_time"), 6000);
  EXPECT_EQ(found.at("tags"), json::array({{{"key", "k"}, {"value", "v"}}}));
  ok("experiments/delete", {{"experiment_id", id}});
  EXPECT_EQ(ok("experiments/get", {{"experiment_id", id}}).at("experiment").at("lifecycle_stage"),
            "deleted");
  EXPECT_THAT(problem("experiments/create", {{"name", "numbers"}}),
              StartsWith("RESOURCE_ALREADY_EXISTS: the experiment 'numbers' exists already, and is "
                         "deleted"));
  EXPECT_THAT(problem("experiments/set-experiment-tag", {{"experiment_id", id}, {"key", "k"}}),
              HasSubstr("is deleted: restore it first"));
  ok("experiments/restore", {{"experiment_id", id}});
  EXPECT_EQ(ok("experiments/get", {{"experiment_id", id}}).at("experiment").at("lifecycle_stage"),
            "active");
}

TEST_F(Experiments, WhatIsWrongIsSaid) {
  const std::string id = experiment("a");
  experiment("b");
  EXPECT_EQ(problem("experiments/create", json::object()),
            "INVALID_PARAMETER_VALUE: 'name' is missing, or empty");
  EXPECT_EQ(problem("experiments/create", {{"name", "a"}}),
            "RESOURCE_ALREADY_EXISTS: the experiment 'a' exists already");
  EXPECT_EQ(problem("experiments/create", {{"name", json::array()}}),
            "INVALID_PARAMETER_VALUE: 'name' must be a text, and is array");
  EXPECT_EQ(problem("experiments/create", {{"name", std::string(501, 'x')}}),
            "INVALID_PARAMETER_VALUE: 'name' has 501 characters, and may have 500");
  EXPECT_EQ(problem("experiments/create", "x"),
            "INVALID_PARAMETER_VALUE: the request must be a JSON object");
  EXPECT_EQ(problem("experiments/create", {{"name", "c"}, {"tags", {{{"value", "v"}}}}}),
            "INVALID_PARAMETER_VALUE: 'tags[0].key' is missing, or empty");
  EXPECT_EQ(problem("experiments/get-by-name", {{"experiment_name", "c"}}),
            "RESOURCE_DOES_NOT_EXIST: there is no experiment 'c'")
      << "nothing of what failed is there";
  EXPECT_EQ(problem("experiments/get", {{"experiment_id", "77"}}),
            "RESOURCE_DOES_NOT_EXIST: there is no experiment with id '77'");
  EXPECT_EQ(problem("experiments/get", {{"experiment_id", "1; DROP TABLE experiments"}}),
            "RESOURCE_DOES_NOT_EXIST: there is no experiment with id '1; DROP TABLE experiments'");
  EXPECT_THAT(problem("experiments/update", {{"experiment_id", id}, {"new_name", "b"}}),
              StartsWith("RESOURCE_ALREADY_EXISTS"));
  EXPECT_EQ(problem("experiments/delete-experiment-tag", {{"experiment_id", id}, {"key", "k"}}),
            "RESOURCE_DOES_NOT_EXIST: experiment 1 has no tag 'k'");
}

TEST_F(Runs, BeginGoOnAndEnd) {
  const std::string digits = experiment("digits");
  now_ms_ = 7'000;
  const json begun = ok("runs/create", {{"experiment_id", digits},
                                        {"user_id", "me"},
                                        {"run_name", "first"},
                                        {"start_time", 6'500},
                                        {"tags", {{{"key", "mlflow.user"}, {"value", "me"}}}}})
                         .at("run");
  const json& info = begun.at("info");
  const std::string id = info.at("run_id");
  EXPECT_EQ(id, std::string(31, '0') + "1");
  EXPECT_EQ(info, json({{"run_id", id},
                        {"run_uuid", id},
                        {"run_name", "first"},
                        {"experiment_id", digits},
                        {"user_id", "me"},
                        {"status", "RUNNING"},
                        {"start_time", 6500},
                        {"artifact_uri", "mlflow-artifacts:/1/" + id + "/artifacts"},
                        {"lifecycle_stage", "active"}}));
  EXPECT_EQ(begun.at("data").at("tags"),
            json::array({{{"key", "mlflow.runName"}, {"value", "first"}},
                         {{"key", "mlflow.user"}, {"value", "me"}}}));
  const json ended =
      ok("runs/update", {{"run_uuid", id}, {"status", "FINISHED"}, {"end_time", 9'000}})
          .at("run_info");
  EXPECT_EQ(ended.at("status"), "FINISHED");
  EXPECT_EQ(ended.at("end_time"), 9000);
  ok("runs/update", {{"run_id", id}, {"run_name", "renamed"}});
  const json whole = ok("runs/get", {{"run_id", id}}).at("run");
  EXPECT_EQ(whole.at("info").at("run_name"), "renamed");
  EXPECT_EQ(whole.at("info").at("status"), "FINISHED");
  EXPECT_EQ(whole.at("data").at("tags").at(0).at("value"), "renamed") << "the name is a tag, too";
}

TEST_F(Runs, AreDeletedAndRestoredAlsoWithTheirExperiment) {
  const std::string digits = experiment("digits");
  const std::string one = run(digits), other = run(digits);
  const auto stage = [&](const std::string& id) -> std::string {
    return ok("runs/get", {{"run_id", id}}).at("run").at("info").at("lifecycle_stage");
  };
  ok("runs/delete", {{"run_id", one}});
  EXPECT_THAT(problem("runs/log-metric", {{"run_id", one}, {"key", "m"}, {"value", 1}}),
              HasSubstr("is deleted: restore it first"));
  ok("experiments/delete", {{"experiment_id", digits}});
  EXPECT_EQ(stage(other), "deleted");
  EXPECT_THAT(problem("runs/create", {{"experiment_id", digits}}), HasSubstr("is deleted"));
  ok("experiments/restore", {{"experiment_id", digits}});
  EXPECT_EQ(stage(other), "active");
  EXPECT_EQ(stage(one), "deleted") << "it was deleted by itself";
  ok("runs/restore", {{"run_id", one}});
  EXPECT_EQ(stage(one), "active");
  EXPECT_THAT(problem("runs/restore", {{"run_id", one}}), HasSubstr("is not deleted"));
}

TEST_F(Runs, WhatIsWrongIsSaid) {
  EXPECT_EQ(problem("runs/get", {{"run_id", "none"}}),
            "RESOURCE_DOES_NOT_EXIST: there is no run with id 'none'");
  EXPECT_EQ(problem("runs/get", json::object()),
            "INVALID_PARAMETER_VALUE: 'run_id' is missing, or empty");
  const std::string id = run("0");
  EXPECT_EQ(problem("runs/update", {{"run_id", id}, {"status", "DONE"}}),
            "INVALID_PARAMETER_VALUE: 'status' is 'DONE', and must be one of RUNNING, SCHEDULED, "
            "FINISHED, FAILED, KILLED");
  EXPECT_EQ(problem("runs/update", {{"run_id", id}, {"end_time", "soon"}}),
            "INVALID_PARAMETER_VALUE: 'end_time' must be a whole number");
  EXPECT_THAT(problem("runs/create", {{"experiment_id", "0"},
                                      {"run_name", "a"},
                                      {"tags", {{{"key", "mlflow.runName"}, {"value", "b"}}}}}),
              HasSubstr("say one"));
}

TEST_F(Logging, TheLatestOfAMetricIsThatOfTheHighestStep) {
  const std::string id = run("0");
  log(id, "loss", 0.5, 2);
  now_ms_ += 1'000;
  log(id, "loss", 0.9, 1);  // later in time, but of an earlier step
  log(id, "acc", "NaN");
  log(id, "acc", 0.5);
  log(id, "far", "-Infinity");
  const json metrics = ok("runs/get", {{"run_id", id}}).at("run").at("data").at("metrics");
  EXPECT_EQ(metrics,
            json::array({{{"key", "acc"}, {"value", 0.5}, {"timestamp", 2000}, {"step", 0}},
                         {{"key", "far"}, {"value", "-Infinity"}, {"timestamp", 2000}, {"step", 0}},
                         {{"key", "loss"}, {"value", 0.5}, {"timestamp", 1000}, {"step", 2}}}));
}

TEST_F(Logging, ABatchIsTakenWholeOrNotAtAll) {
  const std::string id = run("0");
  const auto data = [&] { return ok("runs/get", {{"run_id", id}}).at("run").at("data"); };
  ok("runs/log-batch",
     {{"run_id", id},
      {"metrics", {{{"key", "m"}, {"value", 1.5}, {"timestamp", "12"}, {"step", "3"}}}},
      {"params", {{{"key", "lr"}, {"value", "0.1"}}}},
      {"tags", {{{"key", "t"}, {"value", "v"}}}}});
  EXPECT_EQ(data().at("metrics").at(0),
            json({{"key", "m"}, {"value", 1.5}, {"timestamp", 12}, {"step", 3}}));
  EXPECT_EQ(data().at("params"), json::array({{{"key", "lr"}, {"value", "0.1"}}}));
  const json before = data();
  EXPECT_THAT(
      problem("runs/log-batch",
              {{"run_id", id},
               {"params", {{{"key", "new"}, {"value", "1"}}, {{"key", "lr"}, {"value", "0.2"}}}}}),
      HasSubstr("parameter 'lr' of run " + id + " is '0.1' already"));
  EXPECT_EQ(
      problem("runs/log-batch",
              {{"run_id", id},
               {"metrics", {{{"key", "n"}, {"value", 1}}, {{"key", "o"}, {"value", "high"}}}}}),
      "INVALID_PARAMETER_VALUE: 'metrics[1].value' must be a number");
  EXPECT_THAT(problem("runs/log-batch",
                      {{"run_id", id}, {"metrics", std::vector<json>(1001, json::object())}}),
              HasSubstr("'metrics' has 1001 entries, and may have 1000"));
  EXPECT_EQ(data(), before);
  ok("runs/log-parameter", {{"run_id", id}, {"key", "lr"}, {"value", "0.1"}});  // the same again
}

TEST_F(Logging, TagsChangeAndGo) {
  const std::string id = run("0", "a");
  const auto tags = [&] {
    return ok("runs/get", {{"run_id", id}}).at("run").at("data").at("tags");
  };
  ok("runs/set-tag", {{"run_id", id}, {"key", "k"}, {"value", "1"}});
  ok("runs/set-tag", {{"run_id", id}, {"key", "k"}, {"value", "2"}});
  EXPECT_EQ(tags().at(0), json({{"key", "k"}, {"value", "2"}}));
  ok("runs/delete-tag", {{"run_id", id}, {"key", "k"}});
  EXPECT_EQ(tags().size(), 1u);
  EXPECT_EQ(problem("runs/delete-tag", {{"run_id", id}, {"key", "k"}}),
            "RESOURCE_DOES_NOT_EXIST: run " + id + " has no tag 'k'");
  EXPECT_THAT(
      problem("runs/set-tag", {{"run_id", id}, {"key", "k"}, {"value", std::string(8001, 'x')}}),
      HasSubstr("has 8001 characters, and may have 8000"));
}

TEST_F(Logging, DatasetsOfARunAreKeptOnceForAnExperiment) {
  const std::string one = run("0"), other = run("0");
  const json dataset = {{"name", "digits"},
                        {"digest", "abc"},
                        {"source_type", "local"},
                        {"source", "{}"},
                        {"schema", "{}"}};
  const json input = {{"dataset", dataset},
                      {"tags", {{{"key", "mlflow.data.context"}, {"value", "training"}}}}};
  for (const std::string& id : {one, other, one})
    ok("runs/log-inputs", {{"run_id", id}, {"datasets", {input}}});
  EXPECT_EQ(ok("runs/get", {{"run_id", one}}).at("run").at("inputs").at("dataset_inputs"),
            json::array({input}));
  EXPECT_EQ(
      problem("runs/log-inputs", {{"run_id", one}, {"datasets", {{{"tags", json::array()}}}}}),
      "INVALID_PARAMETER_VALUE: 'datasets[0].dataset' is missing");
}

TEST_F(Logging, ModelsOfOlderClientsAreKeptInATag) {
  const std::string id = run("0");
  for (const char* path : {"a", "b"}) {
    ok("runs/log-model",
       {{"run_id", id}, {"model_json", json({{"artifact_path", path}, {"run_id", id}}).dump()}});
  }
  const json tags = ok("runs/get", {{"run_id", id}}).at("run").at("data").at("tags");
  const json history = json::parse(tags.at(0).at("value").get<std::string>());
  EXPECT_EQ(history.at(1).at("artifact_path"), "b");
  EXPECT_EQ(problem("runs/log-model", {{"run_id", id}, {"model_json", "{}"}}),
            "INVALID_PARAMETER_VALUE: 'model_json' has no 'artifact_path', which it must have");
}

TEST_F(Logging, NestedModelsAreRefusedBeforeAnybodyReadsThem) {
  const std::string id = run("0");
  const std::string deep = R"({"artifact_path":"a","run_id":"x","z":)" + std::string(300'000, '[') +
                           std::string(300'000, ']') + "}";
  EXPECT_EQ(problem("runs/log-model", {{"run_id", id}, {"model_json", deep}}),
            "INVALID_PARAMETER_VALUE: 'model_json' is nested too deep");
}

TEST_F(Logging, LengthsAreThoseOfCharacters) {
  const std::string id = run("0");
  std::string umlauts;
  for (int i = 0; i < 6'000; ++i) umlauts += "\u00e9";
  ok("runs/log-parameter", {{"run_id", id}, {"key", "p"}, {"value", umlauts}});
  EXPECT_THAT(
      problem("runs/log-parameter", {{"run_id", id}, {"key", "q"}, {"value", umlauts + "x"}}),
      HasSubstr("has 6001 characters, and may have 6000"));
}

TEST_F(Logging, AllOfItIsThereAfterARestart) {
  const std::string id = run("0");
  log(id, "m", 1);
  const json before = ok("runs/get", {{"run_id", id}});
  tracker_.reset();
  store_.reset();
  store_ = std::move(*store::Store::open(directory_.path(), store::Durability::process));
  tracker_ = std::make_unique<Tracker>(
      *store_, Tracker::Means{[] { return 1; }, [] { return std::string(); }});
  EXPECT_EQ(ok("runs/get", {{"run_id", id}}), before);
}

}  // namespace
}  // namespace scanflow::track
