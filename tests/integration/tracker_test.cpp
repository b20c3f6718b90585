// The tracker of a real server, asked as MLflow's clients ask: what they send for each call is what their REST stores
// of 2.x and 3.x make of it.
#include <gmock/gmock.h>

#include "tests/integration/server_support.hpp"

namespace scanflow::test {
namespace {

using testing::HasSubstr;

class TrackerHttp : public testing::Test {
 protected:
  /// With the status line: a problem's document is an answer, too.
  json ask(const std::string& method, const std::string& target,
           const std::string& body = "") const {
    const RawConnection connection(server_.port());
    connection.send(
        method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
        "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body);
    const std::string answer = connection.receive();
    const auto end = answer.find("\r\n\r\n");
    json document =
        json::parse(end == std::string::npos ? "" : answer.substr(end + 4), nullptr, false);
    if (!document.is_object()) return {{"answer", answer}};
    document["status"] = std::stoi(answer.substr(9, 3));
    return document;
  }
  json post(const std::string& call, const json& body) const {
    return ask("POST", "/api/2.0/mlflow/" + call, body.dump());
  }
  json get(const std::string& call) const { return ask("GET", "/api/2.0/mlflow/" + call); }

  const Scanflow scanflow_;
  const ServerProgram server_{scanflow_};
};

TEST_F(TrackerHttp, ARunIsTrackedAsClientsDoIt) {
  // set_experiment(): by name, and made where there is none.
  const json none = get("experiments/get-by-name?experiment_name=digits+two");
  EXPECT_EQ(none.at("status"), 404);
  EXPECT_EQ(none.at("error_code"), "RESOURCE_DOES_NOT_EXIST");
  const std::string id = post("experiments/create", {{"name", "digits two"}}).at("experiment_id");
  EXPECT_EQ(get("experiments/get?experiment_id=" + id).at("experiment").at("name"), "digits two");
  // start_run(): 2.x and 3.x say the same.
  const json begun = post("runs/create", {{"experiment_id", id},
                                          {"user_id", "jo"},
                                          {"start_time", 1700000000000},
                                          {"tags",
                                           {{{"key", "mlflow.user"}, {"value", "jo"}},
                                            {{"key", "mlflow.source.type"}, {"value", "LOCAL"}}}},
                                          {"run_name", "bold-fox-1"}});
  EXPECT_EQ(begun.at("status"), 200) << begun;
  const std::string run = begun.at("run").at("info").at("run_id");
  const json both = {{"run_uuid", run}, {"run_id", run}};
  const auto with = [&](json more) {
    more.update(both);
    return more;
  };
  EXPECT_EQ(post("runs/log-parameter", with({{"key", "lr"}, {"value", "0.1"}})).at("status"), 200);
  EXPECT_EQ(
      post("runs/log-metric",
           with({{"key", "loss"}, {"value", 0.25}, {"timestamp", 1700000001000}, {"step", 1}}))
          .at("status"),
      200);
  EXPECT_EQ(
      post("runs/log-batch",
           {{"run_id", run},
            {"metrics",
             {{{"key", "loss"}, {"value", "NaN"}, {"timestamp", 1700000002000}, {"step", 2}}}},
            {"params", json::array()},
            {"tags", json::array()}})
          .at("status"),
      200);
  EXPECT_EQ(post("runs/set-tag", with({{"key", "k"}, {"value", "v"}})).at("status"), 200);
  EXPECT_EQ(post("runs/delete-tag", {{"run_id", run}, {"key", "k"}}).at("status"), 200);
  EXPECT_EQ(post("runs/update", with({{"status", "FINISHED"}, {"end_time", 1700000003000}}))
                .at("run_info")
                .at("status"),
            "FINISHED");
  const json whole = get("runs/get?run_uuid=" + run + "&run_id=" + run).at("run");
  EXPECT_EQ(whole.at("data").at("params").at(0), json({{"key", "lr"}, {"value", "0.1"}}));
  EXPECT_EQ(whole.at("data").at("metrics").at(0).at("value"), "NaN");
  EXPECT_EQ(get("metrics/get-history?run_uuid=" + run + "&run_id=" + run +
                "&metric_key=loss&max_results=1")
                .at("metrics")
                .at(0)
                .at("value"),
            0.25);
  const json found = post("runs/search", {{"experiment_ids", {id}},
                                          {"filter", "params.lr = '0.1' and status = 'FINISHED'"},
                                          {"run_view_type", "ACTIVE_ONLY"},
                                          {"max_results", 1000},
                                          {"order_by", {"start_time DESC"}}});
  EXPECT_EQ(found.at("runs").at(0).at("info").at("run_id"), run);
}

TEST_F(TrackerHttp, AListInAQueryIsOneToo) {
  for (const char* name : {"b", "a"}) post("experiments/create", {{"name", name}});
  const json found =
      get("experiments/search?max_results=2&order_by=name+DESC&order_by=creation_time");
  ASSERT_EQ(found.at("status"), 200) << found;
  EXPECT_EQ(found.at("experiments").at(0).at("name"), "b");
  EXPECT_EQ(found.at("experiments").at(1).at("name"), "a");
}

TEST_F(TrackerHttp, ProblemsAreSaidAsClientsReadThem) {
  const json wrong = post("runs/search", {{"experiment_ids", {"0"}}, {"filter", "loss < 1"}});
  EXPECT_EQ(wrong.at("status"), 400);
  EXPECT_EQ(wrong.at("error_code"), "INVALID_PARAMETER_VALUE");
  EXPECT_THAT(wrong.at("message").get<std::string>(), HasSubstr("runs have no attribute 'loss'"));
  EXPECT_EQ(post("experiments/create", {{"name", "Default"}}).at("error_code"),
            "RESOURCE_ALREADY_EXISTS");
  const json unknown = post("traces/search", json::object());
  EXPECT_EQ(unknown.at("status"), 404);
  EXPECT_EQ(unknown.at("error_code"), "ENDPOINT_NOT_FOUND");
  EXPECT_EQ(ask("GET", "/api/2.0/mlflow/runs/create").at("status"), 405);
  EXPECT_EQ(ask("POST", "/api/2.0/mlflow/runs/create", "{").at("message"), "the body is not JSON");
  EXPECT_EQ(ask("POST", "/api/2.0/mlflow/runs/create", "[]").at("message"),
            "the request must be a JSON object");
  EXPECT_THAT(ask("POST", "/api/2.0/mlflow/runs/create", std::string(100'000, '['))
                  .at("message")
                  .get<std::string>(),
              HasSubstr("nested deeper"));
}

TEST_F(TrackerHttp, TheCommandLineShowsPromotesAndComparesModels) {
  EXPECT_THAT(scanflow_({"model", "list"}).out, HasSubstr("no model is registered yet"));
  post("registered-models/create", {{"name", "cnn"}, {"description", "reads digits"}});
  for (const char* source : {"s3://one", "s3://two"})
    post("model-versions/create", {{"name", "cnn"}, {"source", source}});
  const std::vector<std::vector<std::string>> places = {{}, {"--server", server_.url()}};
  for (const auto& place : places) {  // the state directory, and the server
    const auto model = [&](std::vector<std::string> words) {
      words.insert(words.begin(), "model");
      words.insert(words.end(), place.begin(), place.end());
      return scanflow_(words);
    };
    const std::string alias = place.empty() ? "champion" : "challenger";
    const Output promoted = model({"promote", "cnn/1", alias});
    EXPECT_EQ(promoted.out, "cnn@" + alias + " is version 1 now\n") << promoted.err;
    EXPECT_EQ(model({"promote", "models:/cnn", alias}).out,
              "cnn@" + alias + " is version 2 now, and was version 1\n");
    EXPECT_THAT(model({"list"}).out, HasSubstr(alias + "=2"));
    EXPECT_THAT(model({"show", "cnn"}).out, HasSubstr(alias));
    EXPECT_THAT(model({"show", "cnn@" + alias}).out, HasSubstr("s3://two"));
    EXPECT_EQ(json::parse(model({"show", "cnn/1", "-o", "json"}).out).at("source"), "s3://one");
    const Output differs = model({"diff", "cnn/1", "cnn"});
    EXPECT_EQ(differs.exit, 1);
    EXPECT_THAT(differs.out, HasSubstr("s3://one"));
    EXPECT_EQ(model({"diff", "cnn/1", "cnn/1"}).exit, 0);
    const Output wrong = model({"show", "cnn/7"});
    EXPECT_EQ(wrong.exit, 2);
    EXPECT_THAT(wrong.err, HasSubstr("model 'cnn' has no version 7"));
    EXPECT_THAT(model({"promote", "cnn/1", "latest"}).err,
                HasSubstr("is the newest version already"));
    EXPECT_THAT(model({"show", "net"}).err, HasSubstr("there is no registered model 'net'"));
  }
}

TEST_F(TrackerHttp, TheExampleWithNothingButPythonWorks) {
  for (int i = 0; i < 2; ++i) {  // its experiment is found again
    const Output said =
        Program({"python3", SCANFLOW_SOURCE_DIR "/pipelines/examples/tracking.py", server_.url()})
            .wait();
    EXPECT_EQ(said.exit, 0) << said.err;
    EXPECT_EQ(said.out, "best: rate-0.4, loss 9 -> 2.85221e-68\n");
  }
  const Output away = Program({"python3", SCANFLOW_SOURCE_DIR "/pipelines/examples/tracking.py",
                               "http://127.0.0.1:1"})
                          .wait();
  EXPECT_EQ(away.exit, 1);
  EXPECT_THAT(away.err, HasSubstr("start it with 'scanflow server'"));
}

}  // namespace
}  // namespace scanflow::test
