// A model of another server: a real one on a port of its own.
#include "engine/infer/remote_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "engine/http/server.hpp"
#include "engine/infer/protocol.hpp"
#include "tests/unit/infer/tensors.hpp"

namespace scanflow::infer {
namespace {

using test::floats;
using test::values;
using testing::HasSubstr;

/// Doubles what it is given.
class Doubler {
 public:
  void listen(const std::string& address) {
    auto server = http::Server::listen(address);
    if (!server) throw std::runtime_error(server.error().message);
    server_ = std::move(*server);
    server_->start([this](http::Request request, const http::Reply& reply) {
      reply(answer(std::move(request)));
    });
  }
  void end() { server_.reset(); }
  std::string address() const { return server_->address(); }

  std::atomic<int> not_ready = 0, binary = 0, plain = 0;  // times
  std::atomic<bool> knows_binary = true;
  std::atomic<int> refuses = 0;  // with this status
  std::atomic<bool> babbles = false;
  json shape = {-1, 2};

 private:
  static http::Response error(int status, const std::string& why) {
    http::Response response;
    response.status = status;
    response.body = error_body(why);
    return response;
  }
  http::Response answer(http::Request request) {
    const std::string& target = request.target;
    if (target == "/here/v2") {
      return http::respond(
          200, {{"name", "doubler"},
                {"extensions", knows_binary ? json{"binary_tensor_data"} : json::array()}});
    }
    if (target == "/here/v2/models/twice/ready") {
      return not_ready-- > 0 ? error(503, "not yet") : http::respond(200, {{"ready", true}});
    }
    if (target == "/here/v2/models/twice") {
      const json tensor = {{"datatype", "FP32"}, {"shape", shape}};
      json in = tensor, out = tensor;
      in["name"] = "x";
      out["name"] = "y";
      return http::respond(
          200, {{"name", "twice"}, {"platform", "test"}, {"inputs", {in}}, {"outputs", {out}}});
    }
    if (target != "/here/v2/models/twice/infer") return error(404, "there is no " + target);
    if (refuses != 0) return error(refuses, "it does not like that");
    if (babbles) return http::respond(200, {{"outputs", "none"}});
    const auto length = request.header(kHeaderLength);
    ++(length.empty() ? plain : binary);
    const auto read = read_request(
        std::move(request.body),
        length.empty() ? std::nullopt : std::optional(std::stoull(std::string(length))));
    if (!read) return error(read.error().status, read.error().message);
    std::vector<float> doubled = values<float>(read->inputs[0]);
    for (float& value : doubled) value *= 2;
    const auto body =
        write_answer("twice", *read, {{floats("y", read->inputs[0].shape, doubled)}, {}});
    http::Response response;
    response.body = body->bytes;
    response.content_type = body->content_type();
    if (body->json_bytes)
      response.headers.emplace_back(kHeaderLength, std::to_string(*body->json_bytes));
    return response;
  }

  std::unique_ptr<http::Server> server_;
};

class RemoteModelTest : public testing::Test {
 protected:
  RemoteModelTest() { server.listen("127.0.0.1:0"); }
  Result<std::shared_ptr<Model>> connect() const {
    NodeDocument node;
    node.node.name = "net";
    node.remote = {"http://" + server.address() + "/here/v2/models/twice", 5'000'000};
    return connect_remote(node);
  }
  static loader::InferOutcome ask(Model& model) {
    return model.infer(std::vector<Tensor>{floats("x", {2, 2}, {1, 2, 3, -4.5})});
  }
  static void expect_doubled(const loader::InferOutcome& outcome) {
    ASSERT_TRUE(outcome.ok()) << outcome.error;
    ASSERT_EQ(outcome.tensors.size(), 1U);
    EXPECT_EQ(outcome.tensors[0].name, "y");
    EXPECT_EQ(outcome.tensors[0].shape, (Shape{2, 2}));
    EXPECT_EQ(values<float>(outcome.tensors[0]), (std::vector<float>{2, 4, 6, -9}));
  }
  Doubler server;
};

TEST_F(RemoteModelTest, TensorsGoInTheFormThatTheServerKnows) {
  for (const bool knows : {true, false}) {
    server.knows_binary = knows;
    const auto model = connect();
    ASSERT_TRUE(model) << model.error().message;
    expect_doubled(ask(**model));
  }
  EXPECT_EQ(server.binary, 1);
  EXPECT_EQ(server.plain, 1);
}

TEST_F(RemoteModelTest, WhatTheServerSaysOfItIsItsSignature) {
  const auto rows = connect();
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_TRUE((*rows)->signature().batchable);
  EXPECT_EQ((*rows)->signature().inputs[0].shape, (Shape{-1, 2}));
  server.shape = {2, 2};
  const auto fixed = connect();
  ASSERT_TRUE(fixed) << fixed.error().message;
  EXPECT_FALSE((*fixed)->signature().batchable);
}

TEST_F(RemoteModelTest, ItIsWaitedForUntilItIsReady) {
  server.not_ready = 3;
  const auto model = connect();
  ASSERT_TRUE(model) << model.error().message;
  expect_doubled(ask(**model));
}

TEST_F(RemoteModelTest, WhatItRefusesIsSaid) {
  const auto model = connect();
  ASSERT_TRUE(model) << model.error().message;
  for (const auto& [status, outcome] : std::map<int, std::int32_t>{
           {400, SCANFLOW_INVALID}, {503, SCANFLOW_RETRYABLE}, {500, SCANFLOW_FAILED}}) {
    server.refuses = status;
    const auto refused = ask(**model);
    EXPECT_EQ(refused.status, outcome);
    EXPECT_EQ(refused.error, "it answers " + std::to_string(status) + ": it does not like that");
  }
  server.refuses = 0;
  server.babbles = true;
  const auto babbled = ask(**model);
  EXPECT_EQ(babbled.status, SCANFLOW_FAILED);
  EXPECT_THAT(babbled.error, HasSubstr("no list of outputs"));
}

TEST_F(RemoteModelTest, AServerThatWasStartedAgainIsAskedOnANewConnection) {
  const auto model = connect();
  ASSERT_TRUE(model) << model.error().message;
  expect_doubled(ask(**model));
  const std::string address = server.address();
  server.end();
  const auto gone = ask(**model);
  EXPECT_EQ(gone.status, SCANFLOW_RETRYABLE);
  EXPECT_THAT(gone.error, HasSubstr("cannot connect"));
  server.listen(address);
  expect_doubled(ask(**model));
}

TEST_F(RemoteModelTest, WhatIsNoUrlOfAModelSaysSo) {
  NodeDocument node;
  node.node.name = "net";
  node.remote = {"http://127.0.0.1:1/v2/iris", 1'000'000};
  const auto wrong = connect_remote(node);
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("the node 'net', served at http://127.0.0.1:1"));
}

}  // namespace
}  // namespace scanflow::infer
