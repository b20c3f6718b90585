// scanflow install, and the webhook that it installs.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/support/certificates.hpp"
#include "tests/support/program.hpp"
#include "tests/support/tls_client.hpp"

namespace scanflow {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::Output;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

json item(const json& list, const std::string& kind) {
  for (const json& each : list["items"]) {
    if (each["kind"] == kind) return each;
  }
  return nullptr;
}

TEST(Install, TheWebhooksCertificateIsOfItsServiceAndItsCa) {
  const test::Scanflow scanflow;
  const Output output = scanflow({"-o", "json", "install", "--injection", "webhook", "--hub",
                                  "tcp://hub.example:4190", "--namespace", "ours"});
  ASSERT_EQ(output.exit, 0) << output.err;
  const json list = json::parse(output.out);
  const json webhook = item(list, "MutatingWebhookConfiguration")["webhooks"][0];
  EXPECT_EQ(webhook["clientConfig"]["service"]["namespace"], "ours");
  EXPECT_NE(webhook["clientConfig"]["caBundle"], item(list, "Secret")["data"]["tls.crt"]);
  EXPECT_THAT(item(list, "Deployment").dump(), HasSubstr("\"--hub=tcp://hub.example:4190\""));
  EXPECT_TRUE(item(list, "Namespace").is_null()) << "who deletes it deletes all in it";
  const Output yaml = scanflow({"install", "--injection", "webhook", "--create-namespace"});
  EXPECT_THAT(yaml.out, AllOf(StartsWith("---\napiVersion: v1\nkind: Namespace"),
                              HasSubstr("kind: MutatingWebhookConfiguration")));
  EXPECT_THAT(yaml.err, HasSubstr("kubectl label namespace NAME scanflow.dev/injection=enabled"));
}

TEST(Install, TheEngineAndWhatLooksForItAgree) {
  const test::Scanflow scanflow;
  const Output output =
      scanflow({"-o", "json", "install", "--render", "--injection", "webhook", "--namespace", "ml",
                "--hub-port", "5000", "--registry", "registry.local/"});
  ASSERT_EQ(output.exit, 0) << output.err;
  const json list = json::parse(output.out);
  EXPECT_THAT(item(list, "Deployment").dump(),
              AllOf(HasSubstr("\"--hub=tcp://scanflow-hub.ml:5000\""),
                    HasSubstr("\"--image=registry.local/scanflow-sidecar:")));
  EXPECT_THAT(item(list, "StatefulSet").dump(), AllOf(HasSubstr("$(POD_NAME).scanflow-hub.ml.svc"),
                                                      HasSubstr("--lease=ml/scanflow")));
  int namespaces = 0;
  for (const json& each : list["items"]) namespaces += each["kind"] == "Namespace" ? 1 : 0;
  EXPECT_EQ(namespaces, 1);
}

TEST(Install, OneOfSomebodyElseIsTaken) {
  const test::Scanflow scanflow;
  const test::TempDir directory;
  test::write(directory / "ca.pem", test::issue().ca);
  const Output output = scanflow({"-o", "json", "install", "--injection", "webhook", "--tls-secret",
                                  "managed", "--ca", (directory / "ca.pem").string()});
  ASSERT_EQ(output.exit, 0) << output.err;
  EXPECT_TRUE(item(json::parse(output.out), "Secret").is_null());
}

TEST(Install, WrongUsageIsSaid) {
  const test::Scanflow scanflow;
  const auto problem = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "install");
    const Output output = scanflow(arguments);
    EXPECT_EQ(output.exit, 2) << output.out;
    EXPECT_EQ(output.out, "");
    return output.err;
  };
  EXPECT_THAT(problem({}), AllOf(HasSubstr("--render"), HasSubstr("--injection")));
  EXPECT_THAT(problem({"--render", "--storage", "banana"}), HasSubstr("10Gi is one"));
  EXPECT_THAT(problem({"--render", "--registry", "http://r/"}), HasSubstr("registry.local/"));
  EXPECT_THAT(problem({"--render", "--registry", "a\nb/"}), HasSubstr("registry.local/"));
  EXPECT_THAT(problem({"--render", "--engine-image", "a b"}), HasSubstr("did you mean 'a-b'"));
  EXPECT_THAT(problem({"--render", "--hub-port", "8419"}), HasSubstr("8420 is the engine's own"));
  EXPECT_THAT(problem({"--render", "--pull-secret", "Not A Name"}), HasSubstr("is no name"));
  EXPECT_THAT(problem({"--render", "--only-enabled"}), HasSubstr("--injection"));
  EXPECT_THAT(problem({"--injection", "policy", "--egress"}), HasSubstr("--render"));
  EXPECT_THAT(problem({"--injection", "magic"}), HasSubstr("{webhook,policy}"));
  EXPECT_THAT(problem({"--injection", "policy", "--shape", "plain"}), HasSubstr("use a webhook"));
  EXPECT_THAT(problem({"--injection", "webhook", "--namespace", "a,b"}),
              HasSubstr("'a,b' is no name of a namespace"));
  EXPECT_THAT(problem({"--injection", "webhook", "--tls-secret", "x"}), HasSubstr("--ca"));
  EXPECT_THAT(problem({"--injection", "webhook", "--tls-secret", "x", "--ca", "/dev/null"}),
              HasSubstr("holds no certificate"));
}

class WebhookProgram : public testing::Test {
 protected:
  std::vector<std::string> command(const std::string& listen = "127.0.0.1:0") const {
    return {SCANFLOW_BINARY_DIR "/bin/scanflow",
            "webhook",
            "--listen",
            listen,
            "--tls-cert",
            at_.files.chain.string(),
            "--tls-key",
            at_.files.key.string()};
  }

  /// Where it answers, once it does.
  static std::string address_of(const test::Program& program) {
    EXPECT_TRUE(test::eventually([&] {
      return program.err().find("/inject") != std::string::npos;
    })) << program.err();
    const std::string said = program.err();
    const std::size_t begin = said.find("https://") + 8;
    return said.substr(begin, said.find('/', begin) - begin);
  }

  test::TempDir directory_;
  test::IssuedFiles at_{directory_.path()};
};

TEST_F(WebhookProgram, ServesUntilItIsToldToEnd) {
  const http::Issued issued = test::issue();
  at_.write(issued);
  test::Program program(command());
  test::TlsClient client(address_of(program), issued.ca);
  ASSERT_TRUE(client.connected()) << client.problem();
  const json review = {
      {"apiVersion", "admission.k8s.io/v1"},
      {"kind", "AdmissionReview"},
      {"request",
       {{"uid", "1"},
        {"operation", "CREATE"},
        {"namespace", "shop"},
        {"object",
         {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", {{"name", "web"}}},
          {"spec", {{"containers", {{{"name", "web"}, {"command", {"serve"}}}}}}}}}}}};
  EXPECT_THAT(client.ask("POST", "/inject", review.dump()),
              AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("JSONPatch")));
  program.signal(SIGTERM);
  EXPECT_EQ(program.wait().exit, 0);
  EXPECT_THAT(program.err(), AllOf(HasSubstr("shop: Pod web injected"), HasSubstr("stopping")));
}

TEST_F(WebhookProgram, AnswersOnWhileItTakesItsLeave) {
  const http::Issued issued = test::issue();
  at_.write(issued);
  auto arguments = command();
  arguments.insert(arguments.end(), {"--drain", "60s"});
  test::Program program(arguments);
  const std::string address = address_of(program);
  program.signal(SIGTERM);
  EXPECT_TRUE(test::eventually([&] {
    test::TlsClient asks(address, issued.ca);
    return asks.ask("GET", "/ready").find("503") != std::string::npos;
  }));
  test::TlsClient client(address, issued.ca);
  EXPECT_THAT(client.ask("GET", "/live"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(client.ask("POST", "/inject", "{}"), HasSubstr("HTTP/1.1 4"))
      << "it is refused for what it is";
  program.signal(SIGTERM);
  EXPECT_EQ(program.wait().exit, 130) << "at once";
}

TEST_F(WebhookProgram, SaysWhatIsWrongAndLeaves) {
  const auto problem = [](const std::vector<std::string>& command, int exit) {
    test::Program program(command);
    const Output output = program.wait(10s);
    EXPECT_EQ(output.exit, exit) << output.err;
    return output.err;
  };
  EXPECT_THAT(problem(command(), 2), HasSubstr("cannot read the certificate"));
  at_.write(test::issue(-2 * test::kDay_s, -test::kDay_s));
  EXPECT_THAT(problem(command(), 2), AllOf(HasSubstr("expired on"), HasSubstr("renew it")));
  at_.write(test::issue());
  EXPECT_THAT(problem(command("nowhere"), 2), HasSubstr("--listen: 'nowhere' is no address"));
  EXPECT_THAT(problem(command("192.0.2.1:0"), 3), HasSubstr("cannot listen on 192.0.2.1:0"));
}

}  // namespace
}  // namespace scanflow
