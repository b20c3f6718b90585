// The HTTP API of a real server: what it answers, what it survives.
#include <algorithm>
#include <deque>

#include "sdk/base/clock.hpp"
#include "sdk/base/uuid.hpp"
#include "tests/integration/server_support.hpp"

namespace scanflow::test {
namespace {

std::string labelled_pipeline(const std::string& rest) {
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p, labels: {team: a}}\n" +
         rest;
}

const std::string kNoop = labelled_pipeline("steps: [{name: a, uses: noop}]\n");
const std::string kGate = labelled_pipeline("steps: [{name: gate, approve: \"go on?\"}]\n");

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(Http, AnIdThatTheClientChoseMakesOneRun) {
  Scanflow scanflow;
  ServerProgram server(scanflow);
  const std::string id = uuid_v7(wall_us() / 1000);
  EXPECT_EQ(server.submit(kNoop, id), id);
  EXPECT_EQ(server.submit(kNoop, id), id);
  EXPECT_TRUE(server.reaches(id, "succeeded"));
  EXPECT_EQ(server.submit(kNoop, id), id);
  EXPECT_EQ(server.get("/api/v1/runs")["runs"].size(), 1u);
  EXPECT_EQ(server.post("/api/v1/runs", {{"run", "../../x"}, {"source", kNoop}})["status"], 400);
}

TEST(Http, AllThatIsWrongWithAPipelineIsToldAsTheCommandLineDoes) {
  Scanflow scanflow;
  ServerProgram server(scanflow);
  const json refused = server.post(
      "/api/v1/runs", {{"file", "p.yaml"},
                       {"source", labelled_pipeline("steps: [{name: a, uses: nop}, {nam: b}]\n")}});
  EXPECT_EQ(refused["status"], 400);
  EXPECT_EQ(refused["exit"], 2);
  const std::string message = refused["message"];
  EXPECT_NE(message.find("p.yaml:4:25: error: unknown"), std::string::npos) << message;
  EXPECT_NE(message.find("did you mean 'name'?"), std::string::npos) << message;
  EXPECT_NE(message.find("errors; nothing was run"), std::string::npos) << message;
}

TEST(Http, ListsByFilterAndPage) {
  Scanflow scanflow;
  ServerProgram server(scanflow);
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(server.submit(kNoop));
  for (const std::string& id : ids) ASSERT_TRUE(server.reaches(id, "succeeded"));
  std::vector<std::string> listed;
  std::string cursor;
  do {
    const json page = server.get("/api/v1/runs?limit=2&labels=team%3Da&cursor=" + cursor);
    for (const json& run : page["runs"]) listed.push_back(run["run"]);
    cursor = page["next"].is_null() ? "" : page["next"].get<std::string>();
  } while (!cursor.empty());
  std::reverse(listed.begin(), listed.end());
  EXPECT_EQ(listed, ids);
  EXPECT_EQ(server.get("/api/v1/runs?status=failed,cancelled")["runs"].size(), 0u);
  EXPECT_EQ(server.get("/api/v1/runs?limit=0")["status"], 400);
  EXPECT_EQ(server.get("/api/v1/runs?labels=,,")["status"], 400);
  EXPECT_EQ(server.get("/api/v1/runs?cursor=x")["status"], 400);
  EXPECT_EQ(server.get("/api/v1/runs?status=done")["status"], 400);
  EXPECT_EQ(server.get("/api/v1/runs?statuses=failed")["message"],
            "unknown query parameter 'statuses'; did you mean 'status'?");
  EXPECT_EQ(server.post("/api/v1/runs", {{"source", 5}})["message"],
            "'source' must be a string, not a number");
  EXPECT_EQ(server.post("/api/v1/runs", {{"source", kNoop}, {"options", {{"jbos", 2}}}})["message"],
            "unknown field 'jbos'; did you mean 'jobs'?");
  EXPECT_EQ(server.post("/api/v1/cache/clear?older_than=", {})["message"],
            "the query parameter 'older_than' is empty");
  EXPECT_EQ(server.post("/api/v1/cache/clear", {{"older_than", "1h"}})["status"], 400);
}

TEST(Http, AStreamGoesOnWhereItWasCutOff) {
  Scanflow scanflow;
  ServerProgram server(scanflow);
  const std::string run = server.submit(kGate);
  const std::string first = stream(server, run, "", "event: accepted");
  EXPECT_NE(first.find("id: 2\nevent: event\n"), std::string::npos) << first;
  EXPECT_TRUE(server.post("/api/v1/runs/" + run + "/approve", {{"step", "gate"}})["approved"]);
  const std::string rest = stream(server, run, "2");
  EXPECT_EQ(rest.find("id: 2\n"), std::string::npos) << rest;
  EXPECT_EQ(count(rest, "id: 3\n"), 1u) << rest;
  EXPECT_EQ(count(rest, "event: finished\n"), 1u) << rest;
}

TEST(Http, TwoClientsSeeTheSame) {
  Scanflow scanflow;
  ServerProgram server(scanflow);
  const std::string run = server.submit(kGate);
  const auto ask = [&](const RawConnection& connection) {
    connection.send("GET /api/v1/runs/" + run +
                    "/events HTTP/1.0\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
  };
  const RawConnection one(server.port());
  const RawConnection two(server.port());
  ask(one);
  ask(two);
  ASSERT_NE(one.receive("event: accepted").find("accepted"), std::string::npos);
  ASSERT_NE(two.receive("event: accepted").find("accepted"), std::string::npos);
  EXPECT_TRUE(server.post("/api/v1/runs/" + run + "/approve", {{"step", "gate"}})["approved"]);
  for (const RawConnection* each : {&one, &two}) {
    const std::string seen = each->receive("event: finished");
    EXPECT_EQ(count(seen, "approval_given"), 1u) << seen;
    EXPECT_EQ(count(seen, "event: finished"), 1u) << seen;
  }
}

TEST(Http, AClientThatReadsTooSlowlyIsDroppedAndToldAndGoesOnLater) {
  Scanflow scanflow;
  ServerProgram server(scanflow);
  const std::string run = server.submit(labelled_pipeline(
      "steps:\n  - {name: gate, approve: true}\n  - name: a\n    needs: [gate]\n"
      "    run: seq 200000 | sed 's/^/loss 1 step=/' >> \"$SCANFLOW_METRICS\"\n"));
  const RawConnection slow(server.port());
  slow.send("GET /api/v1/runs/" + run +
            "/events HTTP/1.0\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
  ASSERT_NE(slow.receive("event: accepted").find("accepted"), std::string::npos);
  EXPECT_TRUE(server.post("/api/v1/runs/" + run + "/approve", {{"step", "gate"}})["approved"]);
  EXPECT_TRUE(server.reaches(run, "succeeded"));
  const std::string seen = slow.receive();
  EXPECT_NE(seen.find("event: dropped"), std::string::npos) << seen.size();
  EXPECT_EQ(seen.find("event: finished"), std::string::npos);
  EXPECT_EQ(count(stream(server, run, "2"), "event: finished"), 1u);
}

TEST(Http, AnEndingServerTellsItsStreams) {
  Scanflow scanflow;
  ServerProgram server(scanflow);
  const std::string run = server.submit(kGate);
  const RawConnection connection(server.port());
  connection.send("GET /api/v1/runs/" + run +
                  "/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
  ASSERT_NE(connection.receive("event: accepted").find("accepted"), std::string::npos);
  server.program().signal(SIGTERM);
  const std::string rest = connection.receive();
  EXPECT_NE(rest.find("event: closing"), std::string::npos) << rest;
  EXPECT_NE(rest.find("0\r\n\r\n"), std::string::npos) << rest;
  EXPECT_EQ(server.program().wait().exit, 0);
}

TEST(Http, CancelsShowsLogsAndDeletes) {
  Scanflow scanflow;
  ServerProgram server(scanflow);
  const std::string run = server.submit(
      labelled_pipeline("steps: [{name: long, run: \"echo begun; exec sleep 1000\"}]\n"));
  ASSERT_TRUE(eventually([&] {
    const auto logs = server.client().request(
        {.target = "/api/v1/runs/" + run + "/logs?step=long", .accept = "text/plain"});
    return logs && logs->body == "begun\n";
  }));
  EXPECT_EQ(server.client().request({.method = "DELETE", .target = "/api/v1/runs/" + run})->status,
            409);
  EXPECT_TRUE(server.post("/api/v1/runs/" + run + "/cancel")["cancelled"]);
  EXPECT_TRUE(server.reaches(run, "cancelled"));
  EXPECT_EQ(server.post("/api/v1/runs/" + run + "/cancel")["status"], 409);
  EXPECT_EQ(server.get("/api/v1/runs/" + run + "/logs?step=lng")["status"], 404);
  EXPECT_EQ(server.client().request({.method = "DELETE", .target = "/api/v1/runs/" + run})->status,
            200);
  EXPECT_EQ(server.get("/api/v1/runs/" + run)["status"], 404);
}

TEST(Http, WhatIsNoProperRequestIsRefusedAndTheServerLives) {
  Scanflow scanflow;
  ServerProgram server(scanflow);
  struct Case {
    std::string sent, answered;
  };
  const std::string host = "Host: localhost\r\n";
  const std::vector<Case> cases{
      {"NOT HTTP AT ALL\r\n\r\n", "HTTP/1.1 400"},
      {"GET /healthz HTTP/1.1\r\n" + host + "X: " + std::string(20'000, 'x') + "\r\n\r\n",
       "HTTP/1.1 431"},
      {"GET /healthz HTTP/1.1\r\n" + host + "Half: a hea", ""},
      {"POST /api/v1/runs HTTP/1.1\r\n" + host + "Content-Length: 100\r\n\r\nhalf", ""},
      {"POST /api/v1/runs HTTP/1.1\r\n" + host + "Content-Length: 99999999\r\n\r\n",
       "HTTP/1.1 413"},
      {"POST /api/v1/runs HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", "HTTP/1.1 400"},
      {"POST /api/v1/runs HTTP/1.1\r\n" + host +
           "Content-Type: image/png\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
       "HTTP/1.1 415"},
      {"PATCH /api/v1/runs HTTP/1.1\r\nConnection: close\r\n" + host + "\r\n", "HTTP/1.1 405"},
      {"GET /%zz HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 400"},
      {"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 403"},
      {"GET /healthz HTTP/1.1\r\n\r\n", "HTTP/1.1 403"},
      {"POST /api/v1/runs/last/cancel HTTP/1.1\r\n" + host + "Origin: http://evil.example\r\n\r\n",
       "HTTP/1.1 403"},
  };
  for (const Case& each : cases) {
    const RawConnection connection(server.port());
    connection.send(each.sent);
    connection.end();
    const std::string answer = connection.receive();
    EXPECT_EQ(answer.substr(0, each.answered.size()), each.answered)
        << each.sent.substr(0, 80) << "\n"
        << answer;
    if (each.answered.empty()) {
      EXPECT_EQ(answer, "") << each.sent;
    }
  }
  EXPECT_EQ(server.get("/healthz")["status"], "alive");
}

TEST(Http, RequestsInOneGoAreAnsweredInOrder) {
  Scanflow scanflow;
  ServerProgram server(scanflow);
  const RawConnection connection(server.port());
  const auto get = [](const std::string& path, const std::string& more = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + more + "\r\n";
  };
  connection.send(get("/healthz") + get("/api/v1/version") + get("/api/v1/runs") +
                  get("/readyz", "Connection: close\r\n"));
  const std::string answers = connection.receive();
  const std::size_t alive = answers.find("alive"), version = answers.find("version"),
                    runs = answers.find("\"runs\""), ready = answers.find("ready");
  EXPECT_LT(alive, version) << answers;
  EXPECT_LT(version, runs) << answers;
  EXPECT_LT(runs, ready) << answers;
  EXPECT_NE(ready, std::string::npos) << answers;
}

TEST(Http, ManyConnectionsAtOnceAreAllServed) {
  Scanflow scanflow;
  ServerProgram server(scanflow);
  std::deque<RawConnection> connections;
  for (int i = 0; i < 200; ++i) connections.emplace_back(server.port());
  for (const RawConnection& each : connections)
    each.send("GET /api/v1/runs HTTP/1.1\r\nHost: localhost\r\n\r\n");
  for (const RawConnection& each : connections)
    ASSERT_NE(each.receive("\"runs\":[]").find("HTTP/1.1 200"), std::string::npos);
}

}  // namespace
}  // namespace scanflow::test
