// Models as clients of MLflow 3 log them.
#include "tests/unit/track/tracking.hpp"

namespace scanflow::track {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class LoggedModels : public Tracking {
 protected:
  std::string add(const std::string& name, const json& more = json::object()) {
    json request = {{"experiment_id", "0"}, {"name", name}};
    request.update(more);
    return ok("logged-models", request).at("model").at("info").at("model_id");
  }
  json model(const std::string& id) {
    return ok("logged-models/{model_id}", {{"model_id", id}}).at("model");
  }
  Answer<std::string> asked(const char* method, const std::string& path, const json& request) {
    const Endpoint* endpoint = find_endpoint(method, path);
    if (endpoint == nullptr) return does_not_exist(path);
    return tracker_->run(*endpoint->call, request_of(*endpoint, path, request));
  }
  std::vector<std::string> found(const std::string& filter, const json& more = json::object()) {
    json request = {{"experiment_ids", {"0"}}, {"filter", filter}};
    request.update(more);
    std::vector<std::string> names;
    const json models = ok("logged-models/search", request).at("models");
    for (const json& each : models) names.push_back(each.at("info").at("name"));
    return names;
  }
};

TEST_F(LoggedModels, AModelIsLoggedAsClientsDoIt) {
  const std::string id = add("cnn", {{"model_type", "classifier"},
                                     {"source_run_id", "r"},
                                     {"params", {{{"key", "lr"}, {"value", "0.1"}}}},
                                     {"tags", {{{"key", "t"}, {"value", "v"}}}}});
  EXPECT_EQ(id, fmt::format("m-{:032x}", 1));
  const json pending = model(id);
  EXPECT_EQ(pending.at("info").at("artifact_uri"),
            "mlflow-artifacts:/0/models/" + id + "/artifacts");
  EXPECT_EQ(pending.at("info").at("status"), "LOGGED_MODEL_PENDING");
  EXPECT_EQ(pending.at("data").at("params").at(0), json({{"key", "lr"}, {"value", "0.1"}}));
  now_ms_ = 2'000;
  ASSERT_TRUE(asked("PATCH", "logged-models/" + id, {{"status", "LOGGED_MODEL_READY"}}));
  ASSERT_TRUE(asked("PATCH", "logged-models/" + id + "/tags",
                    {{"tags", {{{"key", "u"}, {"value", "w"}}}}}));
  ASSERT_TRUE(asked("DELETE", "logged-models/" + id + "/tags/t", json::object()));
  ASSERT_TRUE(asked("POST", "logged-models/" + id + "/params",
                    {{"params", {{{"key", "n"}, {"value", "3"}}}}}));
  const json ready = model(id);
  EXPECT_EQ(ready.at("info").at("status"), "LOGGED_MODEL_READY");
  EXPECT_EQ(ready.at("info").at("tags"), json::array({{{"key", "u"}, {"value", "w"}}}));
  EXPECT_EQ(ready.at("data").at("params").size(), 2u);
  EXPECT_EQ(ready.at("info").at("creation_timestamp_ms"), 1'000);
  EXPECT_EQ(ready.at("info").at("last_updated_timestamp_ms"), 2'000);
  EXPECT_EQ(
      json::parse(
          asked("GET", "logged-models/" + id + "/artifacts/directories", json::object()).value()),
      json({{"root_uri", "mlflow-artifacts:/0/models/" + id + "/artifacts"},
            {"files", json::array()}}));
  ASSERT_TRUE(asked("DELETE", "logged-models/" + id, json::object()));
  EXPECT_THAT(problem("logged-models/{model_id}", {{"model_id", id}}),
              HasSubstr("RESOURCE_DOES_NOT_EXIST"));
}

TEST_F(LoggedModels, WhatRunsMakeAndMeasureIsSaidOfBoth) {
  const std::string id = add("cnn"), of = run("0");
  ok("runs/outputs", {{"run_id", of}, {"models", {{{"model_id", id}, {"step", 3}}}}});
  ok("runs/log-inputs", {{"run_id", of}, {"models", {{{"model_id", id}}}}});
  ok("runs/log-metric", {{"run_id", of},
                         {"key", "acc"},
                         {"value", 0.5},
                         {"timestamp", 5},
                         {"step", 2},
                         {"model_id", id},
                         {"dataset_name", "d"},
                         {"dataset_digest", "x"}});
  ok("runs/log-batch", {{"run_id", of},
                        {"metrics",
                         {{{"key", "acc"},
                           {"value", 0.4},
                           {"timestamp", 4},
                           {"step", 1},
                           {"model_id", id},
                           {"dataset_name", "d"},
                           {"dataset_digest", "x"}}}}});
  const json whole = ok("runs/get", {{"run_id", of}}).at("run");
  EXPECT_EQ(whole.at("outputs").at("model_outputs"),
            json::array({{{"model_id", id}, {"step", 3}}}));
  EXPECT_EQ(whole.at("inputs").at("model_inputs").at(0).at("model_id"), id);
  EXPECT_EQ(whole.at("data").at("metrics").at(0).at("value"), 0.5);
  const json metric = model(id).at("data").at("metrics").at(0);
  EXPECT_EQ(metric.at("value"), 0.5);
  EXPECT_EQ(metric.at("dataset_name"), "d");
  EXPECT_EQ(metric.at("run_id"), of);
  EXPECT_THAT(problem("runs/outputs", {{"run_id", of}, {"models", {{{"model_id", "m-none"}}}}}),
              HasSubstr("no logged model 'm-none'"));
}

TEST_F(LoggedModels, AreSearchedByWhatIsSaidOfThem) {
  const std::string of = run("0");
  for (const int i : {1, 2, 3}) {
    ++now_ms_;
    const std::string id =
        add(fmt::format("m{}", i), {{"params", {{{"key", "n"}, {"value", std::to_string(i)}}}}});
    ok("runs/log-metric", {{"run_id", of},
                           {"key", "acc"},
                           {"value", i * 0.1},
                           {"model_id", id},
                           {"dataset_name", i == 1 ? "train" : "test"}});
  }
  EXPECT_THAT(found(""), ElementsAre("m3", "m2", "m1"));
  EXPECT_THAT(found("metrics.acc > 0.15 AND params.n != '3'"), ElementsAre("m2"));
  EXPECT_THAT(found("name LIKE 'm%' AND status = 'PENDING'", {{"max_results", 2}}),
              ElementsAre("m3", "m2"));
  EXPECT_THAT(found("", {{"order_by", {{{"field_name", "metrics.acc"}}}}}),
              ElementsAre("m1", "m2", "m3"));
  EXPECT_THAT(found("", {{"order_by", {{{"field_name", "creation_time"}, {"ascending", false}}}}}),
              ElementsAre("m3", "m2", "m1"));
  EXPECT_THAT(found("", {{"datasets", {{{"dataset_name", "train"}}}}}), ElementsAre("m1"));
  EXPECT_THAT(found("", {{"experiment_ids", json::array()}}), IsEmpty());
  EXPECT_THAT(problem("logged-models/search",
                      {{"experiment_ids", {"0"}}, {"order_by", {{{"field_name", "metrics.a`b"}}}}}),
              HasSubstr("backtick"));
}

TEST_F(LoggedModels, AreVersionsOfRegisteredModels) {
  const std::string id = add("cnn");
  ok("registered-models/create", {{"name", "net"}});
  const json version =
      ok("model-versions/create", {{"name", "net"}, {"source", "models:/" + id}, {"model_id", id}})
          .at("model_version");
  EXPECT_EQ(version.at("model_id"), id);
  EXPECT_EQ(
      ok("model-versions/get-download-uri", {{"name", "net"}, {"version", "1"}}).at("artifact_uri"),
      "mlflow-artifacts:/0/models/" + id + "/artifacts");
}

TEST_F(LoggedModels, WhatIsWrongIsSaid) {
  EXPECT_THAT(problem("logged-models", {{"experiment_id", "0"}, {"name", "a/b"}}),
              HasSubstr("'name' has one of"));
  EXPECT_THAT(problem("logged-models", {{"experiment_id", "7"}}), HasSubstr("no experiment"));
  const auto status = asked("PATCH", "logged-models/" + add("m"), {{"status", "DONE"}});
  EXPECT_THAT(status.error().message,
              HasSubstr("must be LOGGED_MODEL_PENDING|READY|UPLOAD_FAILED"));
  EXPECT_EQ(find_endpoint("GET", "logged-models/a/b"), nullptr);
  EXPECT_EQ(find_endpoint("GET", "logged-models"), nullptr);
  EXPECT_TRUE(has_endpoint("logged-models/a/params"));
}

}  // namespace
}  // namespace scanflow::track
