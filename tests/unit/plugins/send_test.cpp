// requests.send, against a service over real HTTP.
#include <gmock/gmock.h>

#include <atomic>
#include <cstring>
#include <fstream>

#include "engine/http/server.hpp"
#include "plugins/common/digit_set.hpp"
#include "plugins/steps/digits/drawing.hpp"
#include "tests/support/step_run.hpp"

namespace scanflow::client {
namespace {

using nlohmann::json;
using test::StepRun;
using testing::HasSubstr;

class SendTest : public testing::Test {
 protected:
  void SetUp() override {
    digits_ = digits::generate(20, 1);
    data::write_dataset(files_.path(), digits_);
    auto server = http::Server::listen("127.0.0.1:0");
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    server_->start(
        [this](const http::Request& request, const http::Reply& reply) { reply(answer(request)); });
  }
  /// What it is, but for every fifth; the seventh fails.
  http::Response answer(const http::Request& request) {
    if (request.method == "GET") return http::respond(ready_-- > 0 ? 503 : 200, json::object());
    const auto length = std::stoul(std::string(request.header("Inference-Header-Content-Length")));
    const json header = json::parse(request.body.substr(0, length));
    EXPECT_EQ(header.at("inputs")[1].at("name"), "id");
    EXPECT_EQ(request.body.size(), length + data::kPixels * 4 + 8);
    float pixel = 0;
    std::int64_t id = 0;
    std::memcpy(&pixel, request.body.data() + length + 4UL * 400, 4);
    std::memcpy(&id, request.body.data() + request.body.size() - 8, 8);
    EXPECT_EQ(pixel, static_cast<float>(digits_.image(static_cast<std::size_t>(id))[400]));
    if (id == 7) return http::respond(429, {{"error", "too many requests"}});
    const int digit = digits_.labels[static_cast<std::size_t>(id)];
    return http::respond(
        200,
        {{"outputs", {{{"name", "digits"}, {"data", {id % 5 == 0 ? (digit + 1) % 10 : digit}}}}}});
  }
  const StepRun& send(json config) {
    config["url"] = "http://" + server_->address() + "/v2/models/digits";
    config["id"] = "id";
    StepRun& step = *runs_.emplace_back(std::make_unique<StepRun>("client", "requests.send"));
    step.with(config).input("dataset", files_.path()).run();
    return step;
  }
  const test::TempDir files_;
  data::DigitSet digits_;
  std::atomic<int> ready_ = 0;
  std::vector<std::unique_ptr<StepRun>> runs_;
  std::unique_ptr<http::Server> server_;
};

TEST_F(SendTest, CountsWhatIsReadRightly) {
  ready_ = 3;  // it is asked again until it is ready
  const test::TempDir truth;
  const StepRun& step = send({{"rate", 1000}, {"truth", (truth.path() / "t").string()}});
  ASSERT_EQ(step.status(), SCANFLOW_OK) << step.error();
  EXPECT_EQ(step.outputs().at("sent"), 20);
  EXPECT_EQ(step.outputs().at("failed"), 1);
  EXPECT_DOUBLE_EQ(step.outputs().at("accuracy"), 15.0 / 20);
  std::ifstream in(step.artifact("answers"));
  const json answers = json::parse(in);
  EXPECT_EQ(answers.at("digits")[7], -1);
  EXPECT_EQ(answers.at("digits").size(), 20U);
  EXPECT_TRUE(step.logged("too many requests"));
  EXPECT_EQ(data::read_dataset(truth.path() / "t").labels, digits_.labels);
}

TEST_F(SendTest, KeepsToItsRate) {
  const StepRun& step = send({{"rate", 100}});
  ASSERT_EQ(step.status(), SCANFLOW_OK) << step.error();
  EXPECT_GE(step.outputs().at("seconds"), 0.19);
}

TEST_F(SendTest, AServiceThatIsNotThereIsAnError) {
  ready_ = 1'000'000;
  EXPECT_THAT(send({{"wait", 0.2}}).error(), HasSubstr("is not ready after 0.2 s"));
}

}  // namespace
}  // namespace scanflow::client
