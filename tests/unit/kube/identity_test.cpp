#include "engine/kube/identity.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temp_dir.hpp"

namespace scanflow::kube {
namespace {

using testing::HasSubstr;

class IdentityTest : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    const auto path = files_ / name;
    std::ofstream(path) << text;
    return path.string();
  }
  Identity made(Access access) {
    access.origin = "the test";
    return Identity(std::move(access), [this] { return now_us_; });
  }
  /// An exec plugin that counts its runs, and gives what the file `answer` holds.
  Access plugin(const std::string& answer) {
    file("answer", answer);
    const std::string program = file(
        "login", "#!/bin/sh\necho run >> '" + (files_ / "runs").string() +
                     "'\nprintf '%s' \"$KUBERNETES_EXEC_INFO\" > '" + (files_ / "info").string() +
                     "'\ncat '" + (files_ / "answer").string() + "'\n");
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    Access access;
    access.server = "https://k";
    access.exec = ExecPlugin{program, {}, {}, "client.authentication.k8s.io/v1", "get login", true};
    return access;
  }
  int runs() const {
    std::ifstream stream(files_ / "runs");
    int lines = 0;
    for (std::string line; std::getline(stream, line);) ++lines;
    return lines;
  }
  const test::TempDir files_;
  std::int64_t now_us_ = 1'800'000'000'000'000;  // 2027-01-15T08:00:00Z
};

std::string credential(const std::string& status) {
  return R"({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {)" +
         status + "}}";
}

TEST_F(IdentityTest, ReadsATokenAgainEachMinute) {
  Access access;
  access.token.file = file("token", "one\n");
  Identity identity = made(access);
  EXPECT_EQ(*identity.authorization({}), "Bearer one");
  file("token", "two\n");
  EXPECT_EQ(*identity.authorization({}), "Bearer one");
  now_us_ += 60'000'000;
  EXPECT_EQ(*identity.authorization({}), "Bearer two");
  file("token", "three\n");
  EXPECT_TRUE(identity.renew()) << "a server that refuses it need not be waited with";
  EXPECT_EQ(*identity.authorization({}), "Bearer three");
}

TEST_F(IdentityTest, AMissingFileIsNamed) {
  Access access;
  access.token.file = files_ / "none";
  const auto said = made(access).authorization({});
  ASSERT_FALSE(said);
  EXPECT_THAT(said.error().message, testing::AllOf(HasSubstr("none"), HasSubstr("the test")));
}

TEST_F(IdentityTest, KnowsPasswordsAndNothingAtAll) {
  Access access;
  EXPECT_EQ(*made(access).authorization({}), "");
  EXPECT_FALSE(made(access).renew());
  access.basic = "user:password";
  EXPECT_EQ(*made(access).authorization({}), "Basic dXNlcjpwYXNzd29yZA==");
}

TEST_F(IdentityTest, KeepsWhatAPluginGivesUntilItEnds) {
  Identity identity =
      made(plugin(credential(R"("token": "t", "expirationTimestamp": "2027-01-15T08:10:00Z")")));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*identity.authorization({}), "Bearer t");
  EXPECT_EQ(runs(), 1);
  now_us_ += 595'000'000;  // five seconds before
  EXPECT_EQ(*identity.authorization({}), "Bearer t");
  EXPECT_EQ(runs(), 2);
  EXPECT_TRUE(identity.renew());
  EXPECT_EQ(*identity.authorization({}), "Bearer t");
  EXPECT_EQ(runs(), 3);
}

TEST_F(IdentityTest, TellsAPluginWhichClusterItIs) {
  Identity identity = made(plugin(credential(R"("token": "t")")));
  ASSERT_TRUE(identity.authorization({}));
  std::ifstream info(files_ / "info");
  const std::string text((std::istreambuf_iterator<char>(info)), {});
  EXPECT_THAT(text, testing::AllOf(HasSubstr(R"("kind":"ExecCredential")"),
                                   HasSubstr(R"("server":"https://k")")));
}

TEST_F(IdentityTest, SaysWhatIsWrongWithAPlugin) {
  const auto said = [&](const Access& access) {
    const auto answer = made(access).authorization({});
    return answer ? "nothing" : answer.error().message;
  };
  EXPECT_THAT(said(plugin("hello")), HasSubstr("printed no ExecCredential"));
  EXPECT_THAT(said(plugin(credential(""))), HasSubstr("neither a token nor a certificate"));
  EXPECT_THAT(
      said(plugin(
          R"({"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential"})")),
      HasSubstr("speaks client.authentication.k8s.io/v1beta1"));
  Access absent = plugin("");
  absent.exec->command = "/no/such/login";
  EXPECT_THAT(said(absent), testing::AllOf(HasSubstr("/no/such/login"), HasSubstr("get login")));
  Access failing = plugin("");
  std::ofstream(failing.exec->command) << "#!/bin/sh\necho who are you >&2\nexit 3\n";
  EXPECT_THAT(said(failing), testing::AllOf(HasSubstr("exit code 3"), HasSubstr("who are you")));
}

TEST_F(IdentityTest, SaysWhatIsWrongWithACertificate) {
  Access access;
  access.ca.text = "no certificate";
  const auto context = made(access).context({});
  ASSERT_FALSE(context);
  EXPECT_THAT(context.error().message,
              testing::AllOf(HasSubstr("the CA of the server"), HasSubstr("PEM")));
  access.ca.text.clear();
  access.certificate.text = "x";
  EXPECT_THAT(made(access).context({}).error().message,
              HasSubstr("a certificate and a key, or neither"));
}

}  // namespace
}  // namespace scanflow::kube
