// A server serves what is applied, and follows the registry.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/integration/server_support.hpp"
#include "tests/integration/service_support.hpp"

namespace scanflow::test {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string service(const std::string& model, const std::string& more = "",
                    const std::string& with = "{}", const std::string& name = "scale") {
  return "apiVersion: scanflow.dev/v1\nkind: InferenceService\nmetadata: {name: " + name +
         ", namespace: team}\n"
         "graph:\n  - {name: m, uses: test.scale, model: \"" +
         model + "\", with: " + with + "}\n" + more;
}

class ServicesTest : public testing::Test {
 protected:
  ServicesTest() {
    server_.emplace(scanflow_, std::vector<std::string>{"--services", "127.0.0.1:0", "--plugin-dir",
                                                        plugin_.folder()});
  }
  Output scanflow(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(),
                     {"--server", server_->url(), "--plugin-dir", plugin_.folder()});
    return scanflow_(std::move(arguments));
  }
  void apply(const std::string& text) const {
    const std::string file = scanflow_.files() / "service.yaml";
    write(file, text);
    const Output applied = scanflow({"apply", "-f", file});
    ASSERT_EQ(applied.exit, 0) << applied.err;
  }
  void register_model(int factor) const {
    const std::string file = scanflow_.files() / "register.yaml";
    write(file, kRegisterFactor);
    const Output run = scanflow({"run", file, "-p", "factor=" + std::to_string(factor)});
    ASSERT_EQ(run.exit, 0) << run.out << run.err;
  }
  json listed() const {
    const json services = server_->get("/api/v1/services").at("services");
    return services.empty() ? json::object() : services.at(0);
  }
  bool is(const std::string& status) const {
    return eventually([&] { return listed().value("status", "") == status; });
  }
  /// The first number of the answer; -1: none.
  double ask(int x = 1) const {
    const std::string url = listed().at("url");
    const auto port = static_cast<std::uint16_t>(std::stoi(url.substr(url.find(':', 6) + 1)));
    const std::string body =
        R"({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [)" +
        std::to_string(x) + ", 1]}]}";
    const RawConnection connection(port);
    connection.send(
        "POST /services/team/scale/v2/models/scale/infer HTTP/1.1\r\nHost: "
        "localhost\r\nConnection: "
        "close\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body);
    const std::string answer = connection.receive();
    if (answer.find(" 200 ") == std::string::npos) return -1;
    return json::parse(answer.substr(answer.find("\r\n\r\n") + 4))["outputs"][0]["data"][0];
  }

  const ScalePlugin plugin_;
  const Scanflow scanflow_;
  std::optional<ServerProgram> server_;
};

TEST_F(ServicesTest, ServesWhatIsAppliedAndFollowsTheAlias) {
  register_model(3);
  ASSERT_EQ(scanflow({"model", "promote", "factor/1", "champion"}).exit, 0);
  apply(service("models:/factor@champion"));
  ASSERT_TRUE(is("ready")) << listed() << server_->log();
  EXPECT_EQ(ask(), 3);
  EXPECT_THAT(scanflow({"service", "list"}).out, HasSubstr("m/1"));
  register_model(5);
  EXPECT_EQ(ask(), 3) << "a version that nobody has promoted is not served";
  ASSERT_EQ(scanflow({"model", "promote", "factor/2", "champion"}).exit, 0);
  ASSERT_TRUE(eventually([&] { return ask() == 5; })) << server_->log();
  EXPECT_TRUE(eventually([&] {
    return server_->log().find("service team/scale: the node m has version 2 now, switched in") !=
           std::string::npos;
  })) << server_->log();

  const Output shown = scanflow({"service", "show", "team/scale"});
  EXPECT_EQ(shown.exit, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("MODEL m/2"));
  EXPECT_EQ(scanflow({"service", "logs", "scale", "-n", "team"}).exit, 0);
  EXPECT_EQ(scanflow({"service", "show", "team/other"}).exit, 2);

  apply(service("models:/factor/1", "scaling: {min: 2}\n"));
  ASSERT_TRUE(eventually([&] { return listed().value("ready", 0) == 2 && ask() == 3; }))
      << listed();
  ASSERT_EQ(scanflow({"delete", "inferenceservice/scale", "-n", "team"}).exit, 0);
  EXPECT_TRUE(eventually([&] { return listed().empty(); })) << listed();
}

TEST_F(ServicesTest, AgentsChangeItBeforeItIsServedOrDenyIt) {
  const std::string agent =
      "apiVersion: scanflow.dev/v1\nkind: Agent\nmetadata: {name: gate, namespace: team}\nrules:\n"
      "  - {name: two, on: {submit: {kind: InferenceService}}, do: [{admit: {patch: {scaling: "
      "{min: "
      "2}}}}]}\n"
      "  - {name: slow, on: {submit: {kind: InferenceService, labels: {may: not}}}, do: [{admit: "
      "{deny: not today}}]}\n";
  apply(agent);
  register_model(3);
  apply(service("models:/factor/1"));
  ASSERT_TRUE(eventually([&] { return listed().value("ready", 0) == 2; }))
      << listed() << server_->log() << server_->get("/api/v1/decisions")
      << server_->get("/api/v1/agents");
  EXPECT_THAT(scanflow({"get", "inferenceservice/scale", "-n", "team", "-o", "yaml"}).out,
              Not(HasSubstr("min: 2")))
      << "what is registered stays as it was written";
  ASSERT_EQ(scanflow({"delete", "agent/gate", "-n", "team"}).exit, 0);
  server_->kill();
  server_.emplace(scanflow_, std::vector<std::string>{"--services", "127.0.0.1:0", "--plugin-dir",
                                                      plugin_.folder()});
  ASSERT_TRUE(eventually([&] { return listed().value("ready", 0) == 2; }))
      << listed() << "what it was given is kept";
  apply(agent);
  ASSERT_TRUE(eventually([&] {
    const json agents = server_->get("/api/v1/agents").at("agents");
    return !agents.empty() && agents[0].at("status") == "active";
  }));
  std::string denied = service("models:/factor/1", "slo: {errors: 1%}\n");
  denied.replace(denied.find("namespace: team"), 15, "namespace: team, labels: {may: not}");
  apply(denied);
  EXPECT_TRUE(eventually([&] {
    return listed().value("problem", "").find("it is not admitted: agent team/gate: not today") !=
           std::string::npos;
  })) << listed();
  EXPECT_EQ(ask(), 3) << "the version before is served on";
}

TEST_F(ServicesTest, ScalesWithItsRequestsAndSaysHowItKeepsItsWord) {
  apply(service("models:/factor@champion",
                "scaling: {max: 3, target: 1, stabilization: 3s}\nslo: {errors: 0.1%}\n",
                "{delay_ms: 50}"));
  register_model(3);
  ASSERT_EQ(scanflow({"model", "promote", "factor/1", "champion"}).exit, 0);
  ASSERT_TRUE(is("ready")) << listed() << server_->log();
  EXPECT_EQ(listed().at("replicas"), 1);
  std::atomic<bool> stop = false;
  std::vector<std::thread> clients;
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back([&] {
      while (!stop) EXPECT_EQ(ask(300), 900);
    });
  }
  EXPECT_TRUE(eventually([&] { return listed().value("ready", 0) > 1; })) << listed();
  EXPECT_GT(listed().at("replicas"), 1);
  stop = true;
  for (std::thread& client : clients) client.join();
  EXPECT_TRUE(eventually([&] { return listed().at("ready") == 1; })) << listed();
  EXPECT_EQ(listed().at("replicas"), 1);
  EXPECT_THAT(server_->log(), HasSubstr("requests on their way, 1 each"));
  EXPECT_THAT(scanflow({"service", "show", "team/scale"}).out,
              HasSubstr("errors 0% (within the promised 0.1%)"));
  EXPECT_EQ(ask(666), -1) << "the model fails";
  EXPECT_THAT(scanflow({"service", "show", "team/scale"}).out, HasSubstr("over the promised 0.1%"));
}

TEST_F(ServicesTest, AModelThatLoadsForLongHoldsUpNoOtherService) {
  register_model(3);
  const std::filesystem::path gate = scanflow_.files() / "gate";
  write(gate, "");
  apply(service("models:/factor", "", "{load_when: " + gate.string() + "}"));
  ASSERT_TRUE(is("ready")) << listed() << server_->log();
  std::filesystem::remove(gate);
  register_model(5);
  apply(service("models:/factor", "", "{}", "twin"));
  const auto twin = [&] { return server_->get("/api/v1/services/team/twin"); };
  ASSERT_TRUE(eventually([&] { return twin()["status"] == "ready"; })) << twin();
  EXPECT_EQ(ask(), 3) << "it loads still";
  write(gate, "");
  EXPECT_TRUE(eventually([&] { return ask() == 5; })) << listed() << server_->log();
}

TEST_F(ServicesTest, ANodeMayBeAModelOfAnotherServer) {
  register_model(3);
  apply(service("models:/factor", "", "{}", "inner"));
  ASSERT_TRUE(is("ready")) << listed() << server_->log();
  apply(
      "apiVersion: scanflow.dev/v1\nkind: InferenceService\n"
      "metadata: {name: scale, namespace: team}\n"
      "graph:\n  - {name: there, url: \"" +
      listed().at("url").get<std::string>() + "\"}\n");
  const auto shown = [&] { return server_->get("/api/v1/services/team/scale"); };
  ASSERT_TRUE(eventually([&] { return shown()["status"] == "ready"; }))
      << shown() << server_->log();
  EXPECT_EQ(ask(), 3);
  apply(
      "apiVersion: scanflow.dev/v1\nkind: InferenceService\n"
      "metadata: {name: scale, namespace: team}\n"
      "graph: [{name: iris, container: {image: \"registry.local/iris:1\"}}]\n");
  ASSERT_TRUE(eventually([&] { return shown()["status"] == "failed"; })) << shown();
  EXPECT_THAT(shown()["problem"].get<std::string>(),
              HasSubstr("the node 'iris' is a container, and services are processes here"));
  EXPECT_EQ(ask(), 3) << "what it was before is served on";
}

TEST_F(ServicesTest, WhatCannotBeServedSaysWhy) {
  apply(service("models:/factor@champion"));
  ASSERT_TRUE(is("failed"));
  EXPECT_THAT(listed().at("problem").get<std::string>(), HasSubstr("factor"));
  register_model(4);
  ASSERT_EQ(scanflow({"model", "promote", "factor/1", "champion"}).exit, 0);
  ASSERT_TRUE(is("ready")) << "it is tried again: " << listed();
  EXPECT_EQ(ask(), 4);
  const Output without = scanflow_({"service", "list"});
  EXPECT_EQ(without.exit, 2);
  EXPECT_THAT(without.err, HasSubstr("--server"));
}

TEST_F(ServicesTest, IsServedByItsBackupUntilItsModelIsThere) {
  register_model(4);
  apply(service("models:/factor@champion", "backup: {model: \"models:/factor/1\"}\n"));
  ASSERT_TRUE(is("backup")) << listed() << server_->log();
  EXPECT_EQ(ask(), 4);
  const Output shown = scanflow({"service", "show", "team/scale"});
  EXPECT_THAT(shown.out, testing::AllOf(HasSubstr("problem   "), HasSubstr("champion"),
                                        HasSubstr("backup    m/1, answers: no replica is ready")));
  EXPECT_THAT(scanflow({"service", "list"}).out, HasSubstr("0/1"));
  register_model(6);
  ASSERT_EQ(scanflow({"model", "promote", "factor/2", "champion"}).exit, 0);
  ASSERT_TRUE(is("ready")) << listed() << server_->log();
  ASSERT_TRUE(eventually([&] { return ask() == 6; }));
  EXPECT_THAT(server_->log(), HasSubstr("failback: a replica is ready"));
  EXPECT_THAT(scanflow({"service", "show", "team/scale"}).out, HasSubstr("backup    m/1, ready"));
  ASSERT_EQ(scanflow({"delete", "inferenceservice/scale", "-n", "team"}).exit, 0);
  EXPECT_TRUE(eventually([&] { return listed().empty(); })) << listed();
}

/// The pipeline that registers a model, with the services that serve it.
std::string with_services(const std::vector<std::string>& names) {
  std::string text = kRegisterFactor;
  text.replace(text.find("{name: factor}"), 14, "{name: factor, namespace: team}");
  text += "services:\n";
  for (const std::string& name : names) {
    text += "  - name: " + name +
            "\n    graph: [{name: m, uses: test.scale, model: \"models:/factor@champion\"}]\n";
  }
  return text;
}

TEST_F(ServicesTest, APipelineBringsItsServicesAlong) {
  const std::string file = scanflow_.files() / "pipeline.yaml";
  write(file, with_services({"scale", "twin"}));
  EXPECT_EQ(scanflow({"validate", file}).exit, 0);
  const Output before = scanflow({"diff", "-f", file});
  EXPECT_EQ(before.exit, 1) << before.err;
  EXPECT_THAT(before.out, HasSubstr("+kind: InferenceService"));
  const Output applied = scanflow({"apply", "-f", file});
  EXPECT_EQ(applied.out,
            "pipeline team/factor@1 created\ninferenceservice team/scale@1 created\n"
            "inferenceservice team/twin@1 created\n")
      << applied.err;
  ASSERT_TRUE(is("failed")) << "its model is not there yet";
  EXPECT_THAT(listed().at("problem").get<std::string>(), HasSubstr("factor"));
  const Output run = scanflow({"run", "team/factor", "-p", "factor=3"});
  ASSERT_EQ(run.exit, 0) << run.out << run.err;
  ASSERT_EQ(scanflow({"model", "promote", "factor/1", "champion"}).exit, 0);
  ASSERT_TRUE(is("ready")) << listed() << server_->log();
  EXPECT_EQ(ask(), 3);
  EXPECT_EQ(scanflow({"diff", "-f", file}).exit, 0);
  EXPECT_THAT(
      scanflow({"get", "inferenceservices", "-n", "team", "-l", "scanflow.dev/pipeline=factor"})
          .out,
      testing::AllOf(HasSubstr("scale"), HasSubstr("twin")));

  write(file, with_services({"scale"}));
  const std::string left =
      "inferenceservice team/twin is not in the file any more; delete it with: scanflow delete "
      "inferenceservice/twin -n team\n";
  for (const bool by_server : {true, false}) {
    const std::vector<std::string> arguments{"diff", "-f", file, "--plugin-dir", plugin_.folder()};
    const Output differs = by_server ? scanflow({"diff", "-f", file}) : scanflow_(arguments);
    EXPECT_EQ(differs.exit, 1) << differs.err;
    EXPECT_THAT(differs.out, testing::EndsWith(left));
  }
  for (const std::string outcome :
       {"pipeline team/factor@2 configured", "pipeline team/factor@2 unchanged"}) {
    EXPECT_EQ(scanflow({"apply", "-f", file}).out,
              outcome + "\ninferenceservice team/scale@1 unchanged\n" + left);
  }
  const json told = json::parse(scanflow({"apply", "-f", file, "-o", "json"}).out);
  EXPECT_EQ(told.back().at("outcome"), "left");
  EXPECT_EQ(server_->get("/api/v1/services").at("services").size(), 2U) << "it is kept until then";
  ASSERT_EQ(scanflow({"delete", "inferenceservice/twin", "-n", "team"}).exit, 0);
  EXPECT_EQ(scanflow({"diff", "-f", file}).out, "");

  const std::string alone = scanflow_.files() / "service.yaml";
  write(alone, service("models:/factor@champion"));
  const Output twice = scanflow({"apply", "-f", file, "-f", alone});
  EXPECT_EQ(twice.exit, 2);
  EXPECT_THAT(twice.err, testing::AllOf(HasSubstr("two documents are the InferenceService"),
                                        HasSubstr("remove or rename one of them")));
  const Output deleted = scanflow({"delete", "-f", file});
  EXPECT_EQ(deleted.exit, 0) << deleted.err;
  EXPECT_TRUE(eventually([&] { return listed().empty(); })) << listed();
}

}  // namespace
}  // namespace scanflow::test
