// The webhook itself, asked as an API server asks it.
#include "engine/webhook/webhook.hpp"

#include <gmock/gmock.h>

#include <mutex>

#include "tests/support/certificates.hpp"
#include "tests/support/tls_client.hpp"
#include "tests/unit/webhook/support.hpp"

namespace scanflow::webhook {
namespace {

using test::issue;
using test::kDay_s;
using test::TlsClient;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class WebhookTest : public testing::Test {
 protected:
  Result<std::unique_ptr<Webhook>> start(const std::string& listen = "127.0.0.1:0") {
    return Webhook::start(
        {listen, at_.files, inject::defaults("1"), [this](const std::string& line) {
           const std::lock_guard lock(mutex_);
           log_.push_back(line);
         }});
  }
  std::vector<std::string> log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }

  test::TempDir directory_;
  test::IssuedFiles at_{directory_.path()};
  http::Issued issued_ = issue();

 private:
  std::mutex mutex_;
  std::vector<std::string> log_;
};

TEST_F(WebhookTest, AnswersAndCountsAndSaysWhatItDid) {
  at_.write(issued_);
  const auto webhook = start();
  ASSERT_TRUE(webhook) << webhook.error().message;
  TlsClient client((*webhook)->address(), issued_.ca);
  ASSERT_TRUE(client.connected()) << client.problem();
  const nlohmann::json review = review_of(pod());
  EXPECT_THAT(client.ask("POST", "/inject?timeout=10s", review.dump()),
              AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("JSONPatch")));
  nlohmann::json dry = review;
  dry["request"]["dryRun"] = true;
  client.ask("POST", "/inject", dry.dump());
  nlohmann::json off = review;
  off["request"]["object"]["metadata"]["annotations"]["scanflow.dev/inject"] = "disabled";
  client.ask("POST", "/inject", off.dump());
  EXPECT_THAT(client.ask("POST", "/inject", "{}"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(
      client.ask("GET", "/metrics"),
      AllOf(HasSubstr("text/plain; version=0.0.4"),
            HasSubstr("reviews_total{outcome=\"injected\"} 1"),
            HasSubstr("reviews_total{outcome=\"dry_run\"} 1"),
            HasSubstr("reviews_total{outcome=\"skipped\"} 1"),
            HasSubstr("refused_total{status=\"400\"} 1"), HasSubstr("review_seconds_count 3"),
            HasSubstr("certificate_not_after_seconds 1")));
  EXPECT_THAT(log(), ElementsAre("shop: Pod web-* injected",
                                 "shop: Pod web-* skipped: scanflow.dev/inject is disabled",
                                 HasSubstr("refused a request: ")));
}

TEST_F(WebhookTest, OnlyWhatThereIsIsServed) {
  at_.write(issued_);
  const auto webhook = start();
  ASSERT_TRUE(webhook) << webhook.error().message;
  TlsClient client((*webhook)->address(), issued_.ca);
  EXPECT_THAT(client.ask("GET", "/live"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(client.ask("GET", "/ready"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(client.ask("GET", "/inject"), StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(client.ask("POST", "/live"), StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(client.ask("GET", "/inject/more"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(client.ask("POST", "/inject", std::string(5 << 20, ' ')),
              AllOf(StartsWith("HTTP/1.1 413"), HasSubstr("exceeds 4 MiB")));
}

TEST_F(WebhookTest, WithoutAUsableCertificateOrAddressItDoesNotStart) {
  const auto problem = [&](const std::string& listen) {
    const auto webhook = start(listen);
    return webhook ? std::string() : webhook.error().message;
  };
  EXPECT_THAT(problem("127.0.0.1:0"), HasSubstr("cannot read the certificate"));
  at_.write(issue(-2 * kDay_s, -kDay_s));
  EXPECT_THAT(problem("127.0.0.1:0"), AllOf(HasSubstr("expired on"), HasSubstr("renew it")));
  at_.write(issued_);
  const auto first = start();
  ASSERT_TRUE(first);
  EXPECT_THAT(problem((*first)->address()),
              AllOf(HasSubstr("cannot listen on"), HasSubstr("in use"), HasSubstr("--listen")));
}

}  // namespace
}  // namespace scanflow::webhook
