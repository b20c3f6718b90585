// Registered pipelines that a real server runs by their schedule. A firing is a whole minute, so
// these let a server find one that was missed, of a pipeline that was applied long ago.
#include <fmt/format.h>

#include "engine/store/store.hpp"
#include "sdk/base/clock.hpp"
#include "tests/integration/server_support.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

constexpr std::int64_t kHourUs = 3'600'000'000;

/// Applies it as if that had been so many hours ago; an empty source removes it.
std::uint32_t apply(const Scanflow& scanflow, const std::string& source, int hours_ago) {
  const auto store = store::Store::open(scanflow.state(), store::Durability::process);
  if (!store) throw std::runtime_error(store.error().message);
  if (source.empty()) return *(*store)->remove("Pipeline", "default", "nightly");
  store::Document document{.kind = "Pipeline", .name_space = "default", .name = "nightly"};
  document.source = source;
  document.file = "nightly.yaml";
  document.created_us = wall_us() - hours_ago * kHourUs;
  return (*store)->apply(std::move(document))->version;
}

std::string nightly(const std::string& schedule) {
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: nightly}\n"
         "params: {rate: {type: float, default: 1.0}}\n"
         "schedule: " +
         schedule +
         "\nsteps:\n  - name: a\n    run: echo \"at=${{ run.scheduled_at }}\" >> "
         "\"$SCANFLOW_OUTPUT\"; "
         "echo \"rate=${{ params.rate }}\" >> \"$SCANFLOW_OUTPUT\"\n";
}

json runs(const ServerProgram& server) {
  return server.get("/api/v1/runs?pipeline=nightly").at("runs");
}

TEST(Schedules, AMissedFiringIsMadeUpForOnceWhateverBecomesOfTheServer) {
  Scanflow scanflow;
  apply(scanflow, nightly("{cron: \"@hourly\", params: {rate: 0.5}}"), 30);
  std::string id;
  {
    ServerProgram server(scanflow);
    ASSERT_TRUE(eventually([&] {
      return server.log().find("schedule of default/nightly@1 fired") != std::string::npos;
    })) << server.log();
    ASSERT_TRUE(eventually([&] { return runs(server).size() == 1; }));
    id = runs(server)[0]["run"];
    ASSERT_TRUE(server.reaches(id, "succeeded"));
    const json run = server.get("/api/v1/runs/" + id);
    EXPECT_EQ(run["trigger"], "schedule");
    const json outputs = step(run, "a")["outputs"];
    EXPECT_EQ(outputs["rate"], 0.5);
    EXPECT_NE(outputs["at"].get<std::string>().find(":00:00Z"), std::string::npos) << outputs;
    const json listed = server.get("/api/v1/schedules")["schedules"];
    ASSERT_EQ(listed.size(), 1u);
    EXPECT_EQ(listed[0]["run"], id);
    EXPECT_EQ(listed[0]["next_us"].get<std::int64_t>() % kHourUs, 0);
    EXPECT_EQ(listed[0]["next_us"].get<std::int64_t>() - listed[0]["last_us"].get<std::int64_t>(),
              kHourUs);
    server.kill();
  }
  ServerProgram again(scanflow);
  ASSERT_TRUE(
      eventually([&] { return again.get("/api/v1/schedules").at("schedules").size() == 1; }));
  EXPECT_EQ(again.client().request({.method = "DELETE", .target = "/api/v1/runs/" + id})->status,
            200);
  again.stop();
  const ServerProgram third(scanflow);
  EXPECT_EQ(runs(third).size(), 0u) << "a firing whose run was deleted has fired all the same";
}

TEST(Schedules, AFiringThatCannotBeginARunSaysWhyAndIsNotTriedAgain) {
  Scanflow scanflow;
  apply(scanflow,
        "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: nightly}\n"
        "schedule: \"@hourly\"\n"
        "steps: [{name: a, run: \"true\", secrets: {T: {env: NO_SUCH_TOKEN}}}]\n",
        30);
  const auto refusals = [](const ServerProgram& server) {
    const std::string log = server.log();
    return log.find("nothing is run") != std::string::npos;
  };
  {
    ServerProgram server(scanflow);
    ASSERT_TRUE(eventually([&] { return refusals(server); })) << server.log();
    json listed;
    ASSERT_TRUE(eventually([&] {
      listed = server.get("/api/v1/schedules")["schedules"][0];
      return !listed["last_us"].is_null();
    }));
    EXPECT_NE(listed["problem"].get<std::string>().find("NO_SUCH_TOKEN"), std::string::npos)
        << listed;
    EXPECT_TRUE(listed["run"].is_null());
    server.kill();
  }
  ServerProgram again(scanflow);
  const Output said = scanflow({"schedules", "-o", "json"});
  EXPECT_NE(said.out.find("when it fired last, nothing was run"), std::string::npos) << said.out;
  EXPECT_FALSE(refusals(again)) << again.log();
}

TEST(Schedules, AllMissedOnesWhereThePipelineSaysSo) {
  Scanflow scanflow;
  apply(scanflow, nightly("{cron: \"0 */6 * * *\", catch_up: all}"), 24);
  ServerProgram server(scanflow);
  ASSERT_TRUE(eventually([&] { return runs(server).size() == 4; })) << server.log();
}

TEST(Schedules, SuspendedOrChangedMeanwhileTheyFireNothing) {
  Scanflow scanflow;
  apply(scanflow, nightly("\"@hourly\""), 30);
  apply(scanflow, nightly("{cron: \"@hourly\", suspend: true}"), 3);
  ServerProgram server(scanflow);
  EXPECT_TRUE(server.get("/api/v1/schedules")["schedules"][0]["suspended"]);
  EXPECT_TRUE(server.get("/api/v1/schedules")["schedules"][0]["next_us"].is_null());
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(server.log().find("fired"), std::string::npos) << server.log();
  apply(scanflow, nightly("\"@yearly\""), 3);
  apply(scanflow, "", 0);
  ServerProgram later(scanflow);
  EXPECT_EQ(later.get("/api/v1/schedules")["schedules"], json::array());
  EXPECT_EQ(later.stop(), 0);
  EXPECT_EQ(later.log().find("fired"), std::string::npos) << later.log();
}

TEST(Schedules, APipelineThatIsRegisteredRunsByItsName) {
  Scanflow scanflow;
  apply(scanflow, nightly("\"@yearly\""), 0);
  ServerProgram server(scanflow);
  const json begun =
      server.post("/api/v1/runs", {{"pipeline", "nightly"}, {"params", {{"rate", 2}}}});
  ASSERT_TRUE(begun.contains("run")) << begun;
  EXPECT_TRUE(server.reaches(begun["run"], "succeeded"));
  const json missing = server.post("/api/v1/runs", {{"pipeline", "nigthly"}});
  EXPECT_EQ(missing["status"], 404);
  EXPECT_NE(missing["message"].get<std::string>().find("did you mean 'nightly'?"),
            std::string::npos)
      << missing;
  EXPECT_EQ(server.post("/api/v1/runs", {{"pipeline", "nightly@7"}})["status"], 404);
}

}  // namespace
}  // namespace scanflow::test
