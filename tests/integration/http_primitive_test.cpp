// What is asked of running steps, over HTTP.
#include <gmock/gmock.h>

#include "tests/integration/server_support.hpp"

namespace scanflow::test {
namespace {

using testing::HasSubstr;

constexpr const char* kLong =
    "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p}\n"
    "steps: [{name: long, run: \"while :; do sleep 0.05; done\"}]\n";

class HttpPrimitiveTest : public testing::Test {
 protected:
  void begin() {
    run_ = remote_.server->submit(kLong);
    ASSERT_TRUE(
        eventually([&] { return remote_.server->get("/api/v1/top")["attempts"].size() == 1; }));
  }
  ~HttpPrimitiveTest() override {
    if (!run_.empty()) {
      remote_.server->post(of_run("/cancel"));
      remote_.server->reaches(run_, "cancelled");
    }
  }
  std::string of_run(const std::string& rest) const { return "/api/v1/runs/" + run_ + rest; }

  Remote remote_;
  std::string run_;
};

TEST_F(HttpPrimitiveTest, WhatThereIsAndWhatRuns) {
  begin();
  const json table = remote_.server->get("/api/v1/primitives");
  EXPECT_EQ(table["primitives"][0]["name"], "pause");
  const json attempt = remote_.server->get("/api/v1/top")["attempts"][0];
  EXPECT_EQ(attempt["run"], run_);
  EXPECT_EQ(attempt["step"], "long");
  EXPECT_EQ(attempt["pipeline"], "p");
  const json offers = remote_.server->get(of_run("/offers?step=long"));
  EXPECT_EQ(offers["attempt"], 1);
  EXPECT_TRUE(offers["observed"].is_boolean());
  EXPECT_EQ(remote_.server->get(of_run("/offers"))["status"], 400);
  EXPECT_EQ(remote_.server->get(of_run("/offers?step=lng"))["status"], 404);
}

TEST_F(HttpPrimitiveTest, IsCommittedThenRead) {
  begin();
  const json asked = remote_.server->post(
      of_run("/primitives"),
      {{"step", "long"}, {"primitive", "stop_early"}, {"deadline", "500ms"}, {"by", "a test"}});
  ASSERT_TRUE(asked.contains("id")) << asked;
  EXPECT_TRUE(asked["outcome"].is_null());
  const std::string one = "/api/v1/primitives/" + asked["id"].get<std::string>();
  EXPECT_TRUE(eventually([&] { return !remote_.server->get(one)["outcome"].is_null(); }));
  const json listed = remote_.server->get(of_run("/primitives"));
  EXPECT_EQ(listed["run"], run_);
  ASSERT_EQ(listed["primitives"].size(), 1u);
  EXPECT_EQ(listed["primitives"][0]["by"], "a test");
  EXPECT_NE(listed["primitives"][0]["outcome"], "DONE");
  EXPECT_EQ(remote_.server->get(of_run(""))["primitives"], listed["primitives"]);
  EXPECT_EQ(remote_.server->get("/api/v1/primitives/nobody")["status"], 404);
}

TEST_F(HttpPrimitiveTest, WhatIsWrongIsRefused) {
  begin();
  const auto error = [&](const json& body) {
    const json refused = remote_.server->post(of_run("/primitives"), body);
    EXPECT_EQ(refused.value("status", 0), 400) << refused;
    return refused.value("message", "");
  };
  EXPECT_THAT(error(json::object()), HasSubstr("the body must be JSON"));
  EXPECT_THAT(error({{"step", "long"}, {"primitve", "pause"}}),
              HasSubstr("unknown field 'primitve'; did you mean 'primitive'?"));
  EXPECT_THAT(error({{"step", "long"}, {"primitive", "puase"}}), HasSubstr("did you mean 'pause'"));
  EXPECT_THAT(error({{"step", "long"}, {"primitive", "pause"}, {"arguments", {{"fro", "1s"}}}}),
              HasSubstr("did you mean 'for'?"));
  EXPECT_THAT(error({{"step", "long"}, {"primitive", "pause"}, {"arguments", "{}"}}),
              HasSubstr("'arguments' must be an object"));
  EXPECT_THAT(error({{"step", "long"}, {"primitive", "pause"}, {"deadline", "soon"}}),
              HasSubstr("deadline"));
  EXPECT_THAT(error({{"step", "long"}, {"primitive", "pause"}, {"id", "rule-1"}}),
              HasSubstr("an id of a request"));
  const json missing =
      remote_.server->post(of_run("/primitives"), {{"step", "lng"}, {"primitive", "pause"}});
  EXPECT_EQ(missing["status"], 404);
  EXPECT_TRUE(remote_.server->get(of_run("/primitives"))["primitives"].empty());
}

TEST_F(HttpPrimitiveTest, TheCommandLineWorksOnAServer) {
  begin();
  const Output sent =
      remote_({"primitive", "send", run_, "long", "stop_early", "--deadline", "500ms"});
  EXPECT_EQ(sent.exit, 1) << sent.err;
  EXPECT_THAT(sent.out, HasSubstr("stop_early of long by "));
  EXPECT_EQ(remote_({"primitive", "list", run_, "long"}).exit, 0);
  EXPECT_THAT(remote_({"runs", "show", run_}).out, HasSubstr("stop_early"));
  EXPECT_EQ(remote_({"primitive", "send", run_, "lng", "pause"}).exit, 2);
}

}  // namespace
}  // namespace scanflow::test
