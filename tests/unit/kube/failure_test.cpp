#include "engine/kube/failure.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "tests/support/kube_recordings.hpp"

namespace scanflow::kube {
namespace {

using testing::HasSubstr;

/// An exchange as it was recorded: the failure it was.
Failure recorded(const std::string& name) {
  std::ifstream stream(std::string(std::getenv("SCANFLOW_KUBE")) + "/fixtures/http." + name +
                       ".txt");
  std::stringstream text;
  text << stream.rdbuf();
  const std::string all = text.str();
  http::Head head;
  const std::size_t at = all.find("HTTP/2 ");
  head.status = std::stoi(all.substr(at + 7));
  return failure_of(head, all.substr(all.find("\n{", at)));
}

TEST(Failure, SaysWhatWasRefusedWhyAndTheFix) {
  if (std::getenv("SCANFLOW_KUBE") == nullptr) GTEST_SKIP() << test::kNoRecordings;
  EXPECT_TRUE(recorded("409-already-exists").is("AlreadyExists"));
  EXPECT_TRUE(recorded("409-conflict-put").is("Conflict"));
  EXPECT_TRUE(recorded("409-ssa-conflict").is("Conflict"));
  EXPECT_TRUE(recorded("404-missing").is("NotFound"));
  EXPECT_THAT(
      explained(recorded("403-forbidden"), "list Pods of namespace fx"),
      testing::AllOf(HasSubstr("cannot list Pods of namespace fx: pods is forbidden"),
                     HasSubstr("cannot list resource \"pods\""), HasSubstr("scanflow kube check")));
  EXPECT_THAT(explained(recorded("401-unauthorized"), "get x"), HasSubstr("kubectl auth whoami"));
  EXPECT_THAT(explained(recorded("422-invalid"), "create Pod fx/a"),
              HasSubstr("cannot create Pod fx/a"));
}

std::string why(const char* reason, const std::string& message) {
  Failure failure;
  failure.code = 403;
  failure.reason = reason;
  failure.message = message;
  return explained(failure, "create Pod a/b");
}

TEST(Failure, KnowsWhatKeepsPodsOut) {
  EXPECT_THAT(why("Forbidden",
                  "pods \"b\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, "
                  "limited: pods=1"),
              HasSubstr("have the ResourceQuota raised"));
  EXPECT_THAT(why("Forbidden",
                  "unable to create new content in namespace a because it is being terminated"),
              HasSubstr("use another one"));
  EXPECT_THAT(why("Forbidden", "violates PodSecurity \"restricted:latest\": runAsNonRoot != true"),
              HasSubstr("pod_template"));
  EXPECT_THAT(why("", "admission webhook \"no.example\" denied the request: no"),
              HasSubstr("its owner knows why"));
}

TEST(Failure, OfAnswersThatAreNoStatusSaysWhatCame) {
  const Failure failure =
      failure_of(http::Head{502, {{"retry-after", "3"}}}, "<html>bad gateway</html>");
  EXPECT_EQ(failure.code, 502);
  EXPECT_THAT(failure.message, HasSubstr("bad gateway"));
  EXPECT_EQ(failure.retry_after, std::chrono::seconds(3));
  EXPECT_THAT(failure_of(http::Head{500, {}}, "").message, HasSubstr("status 500"));
  EXPECT_EQ(failure_of(json(7)).code, 500);
}

}  // namespace
}  // namespace scanflow::kube
