// Files of runs and models of a real server, sent and fetched as MLflow's clients do it (http_artifact_repo.py).
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "sdk/base/digest.hpp"
#include "tests/integration/server_support.hpp"

namespace scanflow::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kFiles = "/api/2.0/mlflow-artifacts/artifacts";

/// A header as Python's requests sends it.
std::string head_of(const std::string& method, const std::string& target,
                    const std::string& more = "") {
  return method + " " + target +
         " HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: mlflow-python-client/3.1.0\r\n"
         "Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: close\r\n" +
         more + "\r\n";
}
std::string length(std::size_t bytes) {
  return "Content-Length: " + std::to_string(bytes) + "\r\n";
}

class ArtifactsHttp : public testing::Test {
 protected:
  std::string ask(const std::string& method, const std::string& target,
                  const std::string& more = "", const std::string& body = "") const {
    const RawConnection connection(server_->port());
    connection.send(head_of(method, target, more) + body);
    return connection.receive();
  }
  std::string put(const std::string& path, const std::string& content) const {
    return ask("PUT", kFiles + ("/" + path),
               "Content-Type: text/plain\r\n" + length(content.size()), content);
  }
  std::string get(const std::string& path, const std::string& more = "") const {
    return ask("GET", kFiles + ("/" + path), more);
  }
  json list(const std::string& folder) const {
    const std::string answer = ask("GET", std::string(kFiles) + "?path=" + folder);
    return json::parse(answer.substr(answer.find("\r\n\r\n"))).at("files");
  }
  bool nothing_is_left() const {
    const fs::path spool = scanflow_.state() / "artifacts" / "tmp";
    return !fs::exists(spool) || fs::is_empty(spool);
  }
  /// An upload of which this has come so far.
  std::unique_ptr<RawConnection> half(const std::string& path) const {
    auto connection = std::make_unique<RawConnection>(server_->port());
    connection->send(head_of("PUT", kFiles + ("/" + path), length(8 << 20)) +
                     std::string(4 << 20, 'x'));
    EXPECT_TRUE(eventually([&] { return !nothing_is_left(); }));
    return connection;
  }
  /// Of the server's memory, the most it ever had: KiB.
  std::size_t peak() {
    const std::string status =
        read("/proc/" + std::to_string(server_->program().pid()) + "/status");
    return std::stoul(status.substr(status.find("VmHWM:") + 6));
  }

  const Scanflow scanflow_;
  std::unique_ptr<ServerProgram> server_ = std::make_unique<ServerProgram>(scanflow_);
};

TEST_F(ArtifactsHttp, AreLoggedListedFetchedAndDeleted) {
  EXPECT_THAT(put("0/r/artifacts/model/MLmodel", "flavors: {}"),
              AllOf(StartsWith("HTTP/1.1 200"), EndsWith("{}\n")));
  EXPECT_THAT(put("0/r/artifacts/a%20b.json", "{}"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(list("0%2Fr%2Fartifacts"),
            json({{{"path", "a b.json"}, {"is_dir", false}, {"file_size", 2}},
                  {{"path", "model"}, {"is_dir", true}}}));
  EXPECT_THAT(get("0/r/artifacts/model/MLmodel"),
              AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Content-Length: 11\r\n"),
                    HasSubstr("Content-Type: text/plain\r\n"),
                    HasSubstr("X-Content-Type-Options: nosniff\r\n"),
                    HasSubstr("Content-Disposition: attachment; filename*=UTF-8''MLmodel\r\n"),
                    EndsWith("\r\n\r\nflavors: {}")));
  EXPECT_THAT(get("0/r/artifacts/a%20b.json", "Range: bytes=1-5\r\n"),
              AllOf(StartsWith("HTTP/1.1 206"), HasSubstr("Content-Range: bytes 1-1/2\r\n"),
                    EndsWith("\r\n\r\n}")));
  EXPECT_THAT(get("0/r/artifacts/a%20b.json", "Range: bytes=2-\r\n"), StartsWith("HTTP/1.1 416"));
  EXPECT_THAT(ask("HEAD", kFiles + std::string("/0/r/artifacts/model/MLmodel")),
              AllOf(HasSubstr("Content-Length: 11\r\n"), EndsWith("\r\n\r\n")));
  EXPECT_THAT(ask("DELETE", kFiles + std::string("/0/r/artifacts/model")),
              AllOf(StartsWith("HTTP/1.1 200"), EndsWith("{}\n")));
  EXPECT_THAT(get("0/r/artifacts/model/MLmodel"),
              AllOf(StartsWith("HTTP/1.1 404"), HasSubstr("RESOURCE_DOES_NOT_EXIST")));
  EXPECT_THAT(ask("DELETE", kFiles + std::string("/0/r/artifacts/model")),
              StartsWith("HTTP/1.1 404"));
  for (int i = 0; i < 2; ++i)  // all of a run, as mlflow gc does it
    EXPECT_THAT(ask("DELETE", kFiles + std::string("/0/r/artifacts/")), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(list("0/r/artifacts"), json::array());
  EXPECT_TRUE(eventually([&] { return nothing_is_left(); }));
}

TEST_F(ArtifactsHttp, ClientsThatSendInPartsAreToldNotTo) {
  const std::string body = R"({"path":"big.bin","num_parts":3})";
  for (const char* call : {"create", "complete", "abort"}) {
    EXPECT_THAT(ask("POST", "/api/2.0/mlflow-artifacts/mpu/" + std::string(call) + "/0/r/artifacts",
                    "Content-Type: application/json\r\n" + length(body.size()), body),
                AllOf(StartsWith("HTTP/1.1 501"), HasSubstr("\"error_code\":\"NOT_IMPLEMENTED\""),
                      HasSubstr("\"message\":\"Multipart upload is not supported for the current "
                                "artifact repository")));
  }
}

TEST_F(ArtifactsHttp, PathsThatLeadElsewhereAreRefused) {
  for (const std::string& path :
       {std::string("../../etc/passwd"), std::string("0/%2e%2e/x"), std::string("0/..%2fx"),
        std::string("/etc/passwd"), std::string("0//x"), std::string("0/%00"),
        std::string("0/%5cx"), std::string("0/%252e%252e/x"), std::string(501, 'a'),
        std::string("models/cnn/1/MLmodel"), std::string("0/x/")}) {
    EXPECT_THAT(put(path, "x"),
                AllOf(StartsWith("HTTP/1.1 400"), HasSubstr("INVALID_PARAMETER_VALUE")))
        << path;
  }
  EXPECT_THAT(ask("GET", std::string(kFiles) + "?path=../x"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(ask("PUT", kFiles, length(1), "x"), StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(ask("DELETE", std::string(kFiles) + "/"), StartsWith("HTTP/1.1 405"));
  EXPECT_EQ(list(""), json::array());
}

TEST_F(ArtifactsHttp, ALargeJsonDocumentIsRefusedBeforeItComes) {
  for (const char* target :
       {"/api/2.0/mlflow/runs/create", "/api/v1/runs", "/api/2.0/mlflow-artifacts/mpu/create/x"}) {
    EXPECT_THAT(ask("POST", target, length(2'147'483'648)), StartsWith("HTTP/1.1 413")) << target;
  }
  EXPECT_THAT(ask("PUT", std::string(kFiles) + "/0/huge", length(70'000'000'000)),
              AllOf(StartsWith("HTTP/1.1 413"), HasSubstr("the body exceeds 65536 MiB")));
}

TEST_F(ArtifactsHttp, LargeFilesGoThroughLittleMemory) {
  constexpr std::size_t kPieces = 300;
  const std::string piece(1 << 20, 'y');
  Sha256 sent, got;
  const std::size_t before = peak();
  {
    const RawConnection connection(server_->port());
    connection.send(head_of("PUT", std::string(kFiles) + "/0/big", length(kPieces << 20)));
    for (std::size_t i = 0; i < kPieces; ++i) {
      std::string text = std::to_string(i);
      text += piece.substr(text.size());
      connection.send(text);
      sent.update(text);
    }
    ASSERT_THAT(connection.receive(), StartsWith("HTTP/1.1 200"));
  }
  const RawConnection connection(server_->port());
  connection.send(head_of("GET", std::string(kFiles) + "/0/big"));
  std::string head;
  while (head.find("\r\n\r\n") == std::string::npos) head += connection.piece();
  std::size_t bytes = head.size() - head.find("\r\n\r\n") - 4;
  got.update(std::string_view(head).substr(head.find("\r\n\r\n") + 4));
  for (std::string next = connection.piece(); !next.empty(); next = connection.piece()) {
    got.update(next);
    bytes += next.size();
  }
  EXPECT_EQ(bytes, kPieces << 20);
  EXPECT_EQ(got.hex(), sent.hex());
  EXPECT_LT(peak() - before, std::size_t{40} << 10) << "KiB";
}

TEST_F(ArtifactsHttp, OfAnUploadThatBreaksOffNothingStays) {
  ASSERT_THAT(put("0/kept", "kept"), StartsWith("HTTP/1.1 200"));
  half("0/gone").reset();
  EXPECT_TRUE(eventually([&] { return nothing_is_left(); }));
  const auto going = half("0/gone");
  server_->kill();
  EXPECT_FALSE(nothing_is_left());
  server_ = std::make_unique<ServerProgram>(scanflow_);
  EXPECT_TRUE(nothing_is_left());
  EXPECT_EQ(list("0").size(), 1u);
  EXPECT_THAT(get("0/kept"), EndsWith("\r\n\r\nkept"));
}

TEST_F(ArtifactsHttp, WhatIsDamagedIsFoundAndMovedAside) {
  ASSERT_THAT(put("0/kept", "kept"), StartsWith("HTTP/1.1 200"));
  const Output whole = scanflow_({"admin", "check"});
  EXPECT_EQ(whole.exit, 0) << whole.err;
  EXPECT_THAT(whole.out, HasSubstr("1 files and 0 directories, 4 B: all are what they were"));
  EXPECT_THAT(scanflow_({"admin", "gc", "--dry-run"}).out, HasSubstr("would free 0 B"));
  const std::string digest = sha256_hex("kept");
  const fs::path object =
      scanflow_.state() / "artifacts" / "objects" / digest.substr(0, 2) / digest.substr(2);
  fs::permissions(object, fs::perms::owner_all);
  std::ofstream(object) << "lost";
  const Output damaged = scanflow_({"admin", "check", "--quarantine"});
  EXPECT_EQ(damaged.exit, 1);
  EXPECT_THAT(damaged.out, AllOf(HasSubstr("file 0/kept"), HasSubstr("its bytes have SHA-256")));
  EXPECT_THAT(get("0/kept"), AllOf(StartsWith("HTTP/1.1 500"), HasSubstr("is not in the store")));
  ASSERT_THAT(put("0/kept", "kept"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(get("0/kept"), EndsWith("\r\n\r\nkept"));
  EXPECT_EQ(scanflow_({"admin", "check"}).exit, 0);
  EXPECT_THAT(scanflow_({"admin", "gc"}).out, HasSubstr("freed 0 B"));
}

TEST_F(ArtifactsHttp, OfUploadsAtOnceOneIsThereWhole) {
  std::vector<std::string> contents;
  for (char c = 'a'; c < 'i'; ++c) contents.emplace_back(3 << 20, c);
  std::vector<std::thread> clients;
  for (const std::string& content : contents)
    clients.emplace_back([&] { EXPECT_THAT(put("0/same", content), StartsWith("HTTP/1.1 200")); });
  for (std::thread& client : clients) client.join();
  const std::string answer = get("0/same");
  EXPECT_THAT(contents, testing::Contains(answer.substr(answer.find("\r\n\r\n") + 4)));
}

}  // namespace
}  // namespace scanflow::test
