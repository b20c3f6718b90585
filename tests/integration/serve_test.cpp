// A model that a pipeline has trained, served and asked over HTTP: digits are read as torch.evaluate reads them.
#include <gmock/gmock.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <thread>

#include "plugins/common/digit_set.hpp"
#include "tests/integration/server_support.hpp"

namespace scanflow::test {
namespace {

using testing::HasSubstr;

/// `scanflow serve FILE` on a port of its own.
class ServeProgram {
 public:
  ServeProgram(const Scanflow& scanflow, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "serve");
    arguments.insert(arguments.end(), {"--listen", "127.0.0.1:0"});
    program_ = scanflow.start(std::move(arguments));
    const std::string said = "is served at http://127.0.0.1:";
    if (!eventually([&] { return program_->err().find(said) != std::string::npos; }))
      throw std::runtime_error("nothing is served: " + program_->err());
    port_ = static_cast<std::uint16_t>(
        std::stoi(program_->err().substr(program_->err().find(said) + said.size())));
  }
  std::uint16_t port() const { return port_; }
  std::string log() const { return program_->err(); }
  int stop() {
    program_->signal(SIGTERM);
    return program_->wait().exit;
  }

 private:
  std::unique_ptr<Program> program_;
  std::uint16_t port_ = 0;
};

struct HttpAnswer {
  int status = 0;
  std::string head, body;
};

HttpAnswer split_answer(const std::string& text) {
  const auto end = text.find("\r\n\r\n");
  if (text.size() < 12 || end == std::string::npos) return {};
  return {std::stoi(text.substr(9, 3)), text.substr(0, end), text.substr(end + 4)};
}

HttpAnswer post(std::uint16_t port, const std::string& body, const std::string& headers = {},
                const std::string& target = "/v2/models/digits/infer") {
  const RawConnection connection(port);
  connection.send("POST " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
                  headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  return split_answer(connection.receive());
}

class Serve : public testing::Test {
 protected:
  /// Trains a little, and registers what came of it.
  static void SetUpTestSuite() {
    scanflow_ = std::make_unique<Scanflow>();
    const char* data = std::getenv("SCANFLOW_DATA");
    const Output trained = (*scanflow_)(
        {"run", SCANFLOW_SOURCE_DIR "/pipelines/mnist/train.yaml", "-p",
         std::string("data=") + (data != nullptr ? data : "auto"), "-p", "epochs=1", "-o", "json"});
    ASSERT_EQ(trained.exit, 0) << trained.out << trained.err;
    run_ = json::parse(trained.out.substr(trained.out.rfind('\n', trained.out.size() - 2) + 1));
    service_ = std::make_unique<ServeProgram>(
        *scanflow_, std::vector<std::string>{SCANFLOW_SOURCE_DIR "/pipelines/mnist/service.yaml"});
  }
  static void TearDownTestSuite() {
    if (service_) {
      EXPECT_EQ(service_->stop(), 0);
    }
    service_.reset();
    scanflow_.reset();
  }
  static json step(const std::string& name) {
    for (const json& each : run_.at("steps"))
      if (each.at("name") == name) return each;
    throw std::runtime_error("no step " + name + " in " + run_.dump());
  }

  static std::unique_ptr<Scanflow> scanflow_;
  static std::unique_ptr<ServeProgram> service_;
  static json run_;
};
std::unique_ptr<Scanflow> Serve::scanflow_;
std::unique_ptr<ServeProgram> Serve::service_;
json Serve::run_;

std::string binary_request(const data::DigitSet& digits, std::size_t first, std::size_t count,
                           std::string& headers) {
  std::string bytes;
  for (std::size_t i = first; i < first + count; ++i) {
    for (const std::uint8_t pixel : digits.image(i)) {
      const auto grey = static_cast<float>(pixel);
      bytes.append(reinterpret_cast<const char*>(&grey), sizeof grey);
    }
  }
  const std::string head =
      json{{"inputs",
            {{{"name", "images"},
              {"datatype", "FP32"},
              {"shape", {count, 1, 28, 28}},
              {"parameters", {{"binary_data_size", bytes.size()}}}}}},
           {"outputs", {{{"name", "digits"}, {"parameters", {{"binary_data", true}}}}}}}
          .dump();
  headers = "Inference-Header-Content-Length: " + std::to_string(head.size()) + "\r\n";
  return head + bytes;
}

TEST_F(Serve, ReadsEachDigitAsEvaluateDoes) {
  const auto digits = data::read_dataset(
      step("load-data").at("artifacts").at("test").at("path").get<std::string>());
  ASSERT_GT(digits.size(), 100U);
  // Label and prediction -> how often: of all digits, some alone, the rest in batches.
  std::vector<std::vector<std::int64_t>> confusion(10, std::vector<std::int64_t>(10));
  for (std::size_t first = 0; first < digits.size();) {
    const std::size_t count = std::min<std::size_t>(first < 50 ? 1 : 100, digits.size() - first);
    std::string headers;
    const std::string body = binary_request(digits, first, count, headers);
    const HttpAnswer answer = post(service_->port(), body, headers);
    ASSERT_EQ(answer.status, 200) << answer.body;
    ASSERT_THAT(answer.head, HasSubstr("application/octet-stream"));
    ASSERT_GE(answer.body.size(), count * sizeof(std::int64_t));
    std::vector<std::int64_t> read(count);
    std::memcpy(read.data(), answer.body.data() + answer.body.size() - count * sizeof(std::int64_t),
                count * sizeof(std::int64_t));
    for (std::size_t i = 0; i < count; ++i)
      ++confusion[digits.labels[first + i]][static_cast<std::size_t>(read[i])];
    first += count;
  }
  EXPECT_EQ(json(confusion), step("evaluate").at("outputs").at("confusion"));
}

TEST_F(Serve, SaysWhatItTakes) {
  const RawConnection connection(service_->port());
  connection.send("GET /v2/models/digits HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const json said = json::parse(split_answer(connection.receive()).body);
  EXPECT_EQ(said["versions"], json({"1"}));
  EXPECT_EQ(said["inputs"][0]["shape"], json({-1, 1, 28, 28}));
}

/// What is wrong is told, with the protocol's error body, and disturbs nobody.
TEST_F(Serve, BadInput) {
  const auto tensor = [](const std::string& fields) { return "{\"inputs\": [{" + fields + "}]}"; };
  const std::string zeros = "[" + [] {
    std::string list = "0";
    for (int i = 1; i < 784; ++i) list += ",0";
    return list;
  }() + "]";
  const std::string good =
      tensor(R"("name": "images", "datatype": "FP32", "shape": [1,1,28,28], "data": )" + zeros);
  struct Case {
    std::string body, headers;
    int status;
    std::string said;
  };
  const std::vector<Case> cases = {
      {good, "", 200, "probabilities"},
      {"{", "", 400, "not JSON"},
      {good.substr(0, 300), "", 400, "not JSON"},
      {tensor(R"("name": "image", "datatype": "FP32", "shape": [1,1,28,28], "data": )" + zeros), "",
       400, "there is no input 'images'"},
      {tensor(R"("name": "images", "datatype": "INT64", "shape": [1,1,28,28], "data": )" + zeros),
       "", 400, "is of INT64; the model takes FP32"},
      {tensor(R"("name": "images", "datatype": "FP32", "shape": [1,784], "data": )" + zeros), "",
       400, "has the shape [1,784]"},
      {tensor(R"("name": "images", "datatype": "FP32", "shape": [2,1,28,28], "data": )" + zeros),
       "", 400, "its shape [2,1,28,28] takes 1568"},
      {tensor(
           R"("name": "images", "datatype": "FP32", "shape": [1,1,28,28], "parameters": {"binary_data_size": 3136})") +
           "short",
       "Inference-Header-Content-Length: 113\r\n", 400, ""},
      {good, "Inference-Header-Content-Length: 9999999\r\n", 400, "but the body has"},
      {good, "Inference-Header-Content-Length: many\r\n", 400, "no number of bytes"},
      {good, "Content-Encoding: gzip\r\n", 415, "encoded as 'gzip'"},
      {good, "X-Request-Timeout-Ms: soon\r\n", 400, "no number of milliseconds"},
  };
  for (const Case& each : cases) {
    const HttpAnswer answer = post(service_->port(), each.body, each.headers);
    EXPECT_EQ(answer.status, each.status) << each.body.substr(0, 100) << answer.body;
    EXPECT_THAT(answer.body, HasSubstr(each.said));
    if (each.status != 200) {
      EXPECT_TRUE(json::parse(answer.body).at("error").is_string());
    }
  }
  EXPECT_EQ(post(service_->port(), good, "", "/v2/models/digit/infer").status, 404);
  EXPECT_EQ(post(service_->port(), good, "", "/v2/models/digits/versions/7/infer").status, 404);
  EXPECT_EQ(post(service_->port(), good, "",
                 "/services/mnist-dataengineering/digits/v2/models/digits/infer")
                .status,
            200);
  EXPECT_EQ(
      post(service_->port(), good, "", "/services/other/digits/v2/models/digits/infer").status,
      404);
}

TEST_F(Serve, BodiesThatNeverComeTakeNeitherMemoryNorTurns) {
  const RawConnection claims(service_->port());
  claims.send(
      "POST /v2/models/digits/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
      "2147483648\r\n\r\n");
  const HttpAnswer refused = split_answer(claims.piece());
  EXPECT_EQ(refused.status, 413) << refused.head;
  EXPECT_TRUE(json::parse(refused.body).contains("error"));
  // A hundred that send a byte and wait.
  std::vector<std::unique_ptr<RawConnection>> slow;
  for (int i = 0; i < 100; ++i) {
    slow.push_back(std::make_unique<RawConnection>(service_->port()));
    slow.back()->send(
        "POST /v2/models/digits/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
        "60000000\r\n\r\n{");
  }
  std::string headers;
  data::DigitSet one;
  one.add(std::vector<std::uint8_t>(data::kPixels), 0);
  const std::string body = binary_request(one, 0, 1, headers);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(post(service_->port(), body, headers).status, 200);
}

TEST_F(Serve, LoadMeasuresIt) {
  const std::string url =
      "http://127.0.0.1:" + std::to_string(service_->port()) + "/v2/models/digits";
  for (const char* scenario : {"SingleStream", "MultiStream", "Server", "Offline"}) {
    const Output output = (*scanflow_)({"load", url, "--scenario", scenario, "--duration", "400ms",
                                        "--rate", "50", "--connections", "4", "-o", "json"});
    ASSERT_EQ(output.exit, 0) << output.out << output.err;
    const json said = json::parse(output.out);
    EXPECT_EQ(said["scenario"], scenario);
    EXPECT_GT(said["requests"], 5) << said;
    EXPECT_EQ(said["statuses"]["200"], said["requests"]);
    EXPECT_LE(said["latency_us"]["p50"], said["latency_us"]["p99"]);
  }
  const Output late = (*scanflow_)({"load", url, "--duration", "100ms", "--p99", "1us"});
  EXPECT_EQ(late.exit, 1);
  EXPECT_THAT(late.out, HasSubstr("p99 exceeds the bound of 1 us"));
  EXPECT_EQ((*scanflow_)({"load", "http://127.0.0.1:1/v2/models/digits"}).exit, 2);
  EXPECT_THAT((*scanflow_)({"load", "digits"}).err, HasSubstr("give its URL"));
}

TEST_F(Serve, WhatCannotBeServedSaysWhereAndWhy) {
  const auto refused = [](const std::string& graph) {
    const std::string file = scanflow_->files() / "bad.yaml";
    write(file,
          "apiVersion: scanflow.dev/v1\nkind: InferenceService\nmetadata: {name: bad}\ngraph:\n" +
              graph);
    const Output output = (*scanflow_)({"serve", file, "--listen", "127.0.0.1:0"});
    EXPECT_EQ(output.exit, 2) << output.err;
    return output.err;
  };
  EXPECT_THAT(
      refused("  - {name: a, uses: torch.predicct, model: x}\n"),
      testing::AllOf(HasSubstr("bad.yaml:5:21"), HasSubstr("did you mean 'torch.predict'?")));
  EXPECT_THAT(refused("  - {name: a, uses: torch.evaluate}\n"),
              HasSubstr("'torch.evaluate' does not serve online"));
  EXPECT_THAT(refused("  - {name: a, uses: torch.predict}\n"),
              HasSubstr("torch.predict needs a model"));
  EXPECT_THAT(refused("  - {name: a, uses: torch.predict, model: \"models:/nobody@champion\"}\n"),
              testing::AllOf(HasSubstr("bad.yaml:5"), HasSubstr("nobody")));
  EXPECT_THAT(refused("  - {name: a, container: {image: x}}\n"),
              HasSubstr("the node 'a' is a container, and services are processes here"));
  EXPECT_THAT(refused("  - {name: a, uses: torch.predict, model: nowhere.pt}\n"),
              HasSubstr("there is no file"));
  EXPECT_THAT(refused("  - {name: a, uses: torch.predict, model: x, needs: b}\n"),
              HasSubstr("unknown node 'b'"));
  EXPECT_THAT(refused("  - {name: a, uses: torch.predict, model: x, needs: a}\n"),
              HasSubstr("in a circle: a -> a"));
  EXPECT_THAT(refused("  - {name: a, uses: torch.predict, model: x, with: {batch: 0}}\n"),
              HasSubstr("below the minimum 1"));
  EXPECT_THAT(refused("  - {name: a, uses: torch.predict, traffic: [{model: x, weight: 0}]}\n"),
              HasSubstr("nothing would answer"));
}

}  // namespace
}  // namespace scanflow::test
