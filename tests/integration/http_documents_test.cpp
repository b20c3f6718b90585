// Registered documents by the HTTP API of a real server.
#include <gmock/gmock.h>

#include "tests/integration/server_support.hpp"

namespace scanflow::test {
namespace {

using testing::HasSubstr;

std::string pipeline_document(const std::string& name, const std::string& uses = "noop") {
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: " + name +
         ", labels: {tier: x}}\nsteps: [{name: a, uses: " + uses + "}]\n";
}

json text(const std::string& name, const std::string& uses = "noop") {
  return {{"file", name + ".yaml"}, {"text", pipeline_document(name, uses)}};
}

class HttpDocuments : public testing::Test {
 protected:
  json get(const std::string& path) const { return server_.get("/api/v1/documents" + path); }
  json post(const std::string& path, const json& body) const {
    return server_.post("/api/v1/documents" + path, body);
  }
  json remove(const std::string& path) const {
    const auto gone =
        server_.client().json_of({.method = "DELETE", .target = "/api/v1/documents" + path});
    return gone ? *gone : json{{"status", gone.error().status}};
  }
  std::string names(const std::string& query = "") const {
    std::string said;
    const json page = get("?" + query);
    for (const json& each : page.at("documents"))
      said += each["namespace"].get<std::string>() + "/" + each["name"].get<std::string>() + "@" +
              each["version"].dump() + (each.contains("source") ? "+ " : " ");
    return said;
  }

  const Scanflow scanflow_;
  const ServerProgram server_{scanflow_};
};

TEST_F(HttpDocuments, AreAppliedListedShownAndDeleted) {
  const json applied = post("", {{"texts", {text("p"), text("q")}}, {"namespace", "team"}});
  EXPECT_EQ(applied["documents"][0], json({{"kind", "Pipeline"},
                                           {"namespace", "team"},
                                           {"name", "p"},
                                           {"version", 1},
                                           {"outcome", "created"},
                                           {"file", "p.yaml"}}));
  EXPECT_EQ(post("", {{"texts", {text("p")}}})["documents"][0]["namespace"], "default");
  json other = text("p");
  other["text"] = other["text"].get<std::string>() + "# another\n";
  const json planned = post("", {{"texts", {other}}, {"dry_run", true}})["documents"][0];
  EXPECT_EQ(planned["outcome"], "configured");
  EXPECT_TRUE(planned["version"].is_null());
  EXPECT_EQ(names(), "default/p@1 team/p@1 team/q@1 ");
  EXPECT_EQ(post("", {{"texts", {other}}})["documents"][0]["version"], 2);
  EXPECT_EQ(names("namespace=default&sources=true&kind=pipelines"), "default/p@2+ ");
  EXPECT_EQ(names("labels=tier%3Dy"), "");
  const json page = get("?limit=2");
  EXPECT_EQ(page["documents"].size(), 2u);
  EXPECT_EQ(names("cursor=" + page["next"].get<std::string>()), "team/q@1 ");
  const json newest = get("/pipeline/default/p");
  ASSERT_EQ(newest.value("version", 0), 2) << newest;
  EXPECT_EQ(newest["source"], other["text"]);
  EXPECT_EQ(newest["labels"], json({{"tier", "x"}}));
  EXPECT_EQ(get("/Pipeline/default/p?version=1")["source"], pipeline_document("p"));
  const json versions = get("/pipeline/default/p/versions")["documents"];
  ASSERT_EQ(versions.size(), 2u);
  EXPECT_EQ(versions[0]["version"], 2);
  EXPECT_EQ(remove("/pipeline/default/p?version=1")["documents"][0]["versions"], 1);
  EXPECT_EQ(remove("/pipeline/default/p?version=1")["status"], 404);
  const json gone =
      post("/delete",
           {{"documents",
             {{{"kind", "pipeline"}, {"name", "p"}}, {{"namespace", "team"}, {"name", "q"}}}}});
  EXPECT_EQ(gone["documents"].size(), 2u) << gone;
  EXPECT_EQ(names(), "team/p@1 ");
}

TEST_F(HttpDocuments, AreAppliedAsPlainYaml) {
  const RawConnection connection(server_.port());
  const std::string body = pipeline_document("p") + "---\n" + pipeline_document("q");
  connection.send(
      "POST /api/v1/documents?namespace=team HTTP/1.1\r\nHost: localhost\r\n"
      "Content-Type: application/yaml\r\nConnection: close\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_THAT(connection.receive(), HasSubstr("HTTP/1.1 200"));
  EXPECT_EQ(names(), "team/p@1 team/q@1 ");
}

TEST_F(HttpDocuments, AllOrNoneAndAllThatIsWrongIsSaid) {
  const json refused = post("", {{"texts", {text("p"), text("q", "nop"), text("r", "nop")}}});
  EXPECT_EQ(refused["status"], 400);
  EXPECT_EQ(refused["exit"], 2);
  const std::string message = refused["message"];
  EXPECT_THAT(message, HasSubstr("q.yaml:4:25: error: unknown step plugin 'nop'"));
  EXPECT_THAT(message, HasSubstr("r.yaml:4:25:"));
  EXPECT_THAT(message, HasSubstr("2 errors; nothing was applied"));
  EXPECT_EQ(names(), "");
  post("", {{"texts", {text("p")}}});
  const json kept = post("/delete", {{"documents", {{{"name", "p"}}, {{"name", "q"}}}}});
  EXPECT_EQ(kept["status"], 404);
  EXPECT_THAT(kept["message"].get<std::string>(), HasSubstr("nothing was deleted"));
  EXPECT_EQ(names(), "default/p@1 ");
}

TEST_F(HttpDocuments, BadRequestsAreRefused) {
  EXPECT_EQ(get("/pipeline/default/p")["status"], 404);
  EXPECT_EQ(get("/pipeline/default/p/versions")["status"], 404);
  EXPECT_THAT(get("/pipe/default/p")["message"].get<std::string>(),
              HasSubstr("there is no kind 'pipe'; there are: Pipeline"));
  EXPECT_EQ(get("/agent/default/p")["status"], 404);
  for (const char* query : {"?limit=0", "?cursor=x", "?labels=,,", "?sources=yes"})
    EXPECT_EQ(get(query)["status"], 400) << query;
  for (const char* version : {"0", "x", "-1", "99999999999"})
    EXPECT_EQ(get(std::string("/pipeline/default/p?version=") + version)["status"], 400) << version;
  for (const json& body : {json::object(), json{{"texts", 1}}, json{{"texts", {"x"}}},
                           json{{"texts", {text("p")}}, {"dry_run", "x"}},
                           json{{"texts", {text("p")}}, {"namespace", "No Name"}},
                           json{{"text", "x"}}, json{{"texts", json::array({text("")})}}})
    EXPECT_EQ(post("", body)["status"], 400) << body;
  EXPECT_THAT(post("", {{"text", "x"}})["message"].get<std::string>(),
              HasSubstr("did you mean 'texts'?"));
  for (const json& body : {json::object(), json{{"documents", json::array()}},
                           json{{"documents", {1}}}, json{{"documents", {json::object()}}}})
    EXPECT_EQ(post("/delete", body)["status"], 400) << body;
  EXPECT_EQ(server_.post("/api/v1/runs/delete", {{"runs", 1}})["status"], 400);
  for (const json& version : {json(4294967297), json(-1), json(0), json(1.7), json(true)})
    EXPECT_EQ(post("/delete", {{"documents", {{{"name", "p"}, {"version", version}}}}})["status"],
              400)
        << version;
  EXPECT_EQ(server_.post("/api/v1/runs/delete", {{"runs", {"none"}}})["status"], 404);
  EXPECT_EQ(
      server_.post("/api/v1/runs?dry_run=perhaps", {{"source", pipeline_document("p")}})["status"],
      400);
  for (const json& body : {json{{"retry_of", "last"}, {"source", pipeline_document("p")}},
                           json{{"retry_of", "last"}, {"params", json::object()}},
                           json{{"source", pipeline_document("p")}, {"from", "a"}},
                           json{{"source", pipeline_document("p")}, {"reuse", json::object()}}})
    EXPECT_EQ(server_.post("/api/v1/runs", body)["status"], 400) << body;
  EXPECT_EQ(server_.post("/api/v1/runs", {{"retry_of", "last"}})["status"], 404);
  EXPECT_EQ(server_.get("/healthz")["status"], "alive");
}

}  // namespace
}  // namespace scanflow::test
