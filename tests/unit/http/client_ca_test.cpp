// Whom requests say they are from: a header, and certificates of clients.
#include "engine/http/client_ca.hpp"

#include <gmock/gmock.h>

#include "tests/support/certificates.hpp"
#include "tests/unit/kube_server/client.hpp"

namespace scanflow::http {
namespace {

using test::kube::ClientPair;

class ClientCaTest : public testing::Test {
 protected:
  void SetUp() override {
    at_.write(issued_);
    Options options;
    options.certificate = test::opened(at_);
    options.client_ca = ClientCa::of(clients_.pem()).value();
    server_ = Server::listen("127.0.0.1:0", std::move(options)).value();
    server_->start([](const Request& request, const Reply& reply) {
      json said = {{"authorization", request.authorization}};
      if (request.client)
        said["client"] = {{"name", request.client->common_name},
                          {"groups", request.client->organizations}};
      reply(respond(200, said));
    });
  }
  json ask(const ClientPair* pair, const std::string& header = "") {
    const std::string request =
        "GET / HTTP/1.1\r\nHost: localhost\r\n" + header + "Connection: close\r\n\r\n";
    return test::kube::Exchange(server_->address(), issued_.ca, pair, request).answer().body();
  }

  test::TempDir directory_;
  test::IssuedFiles at_{directory_.path()};
  Issued issued_ = test::issue();
  test::kube::ClientCa clients_;
  std::unique_ptr<Server> server_;
};

TEST_F(ClientCaTest, AHeaderSaysWhoAsks) {
  EXPECT_EQ(ask(nullptr, "Authorization: Bearer abc\r\n")["authorization"], "Bearer abc");
  EXPECT_EQ(ask(nullptr)["authorization"], "");
}

TEST_F(ClientCaTest, ACertificateSaysWhoAsks) {
  const ClientPair pair = clients_.issue("ann", {"dev", "ops"});
  const json said = ask(&pair)["client"];
  EXPECT_EQ(said["name"], "ann");
  EXPECT_EQ(said["groups"], json({"dev", "ops"}));
}

TEST_F(ClientCaTest, WithoutOneOrWithAnotherCasNobodyAsks) {
  EXPECT_FALSE(ask(nullptr).contains("client"));
  const ClientPair stranger = test::kube::ClientCa().issue("ann", {"ops"});
  EXPECT_FALSE(ask(&stranger).contains("client"));
}

TEST(ClientCa, WhatIsNoCertificateIsRefused) {
  EXPECT_EQ(ClientCa::of("nonsense").error().message,
            "the CA of clients is no PEM with a certificate");
}

}  // namespace
}  // namespace scanflow::http
