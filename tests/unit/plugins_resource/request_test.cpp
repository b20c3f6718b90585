#include "plugins/steps/resource/request.hpp"

#include <gmock/gmock.h>

namespace scanflow::resource {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using State = Verdict::State;

Wanted wanted() {
  Wanted one;
  one.manifest = {{"apiVersion", "batch/v1"}, {"kind", "Job"}, {"metadata", {{"name", "j"}}}};
  return one;
}

TEST(ResourceRequest, IsAsItWasSaid) {
  Wanted said = wanted();
  said.name_space = "ml";
  said.success = {"condition Complete"};
  said.outputs = {{"done", "{.status.succeeded}"}};
  const auto request = request_of(said);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->action, Action::apply);
  EXPECT_EQ(request->name, "j");
  EXPECT_EQ(request->name_space, "ml");
  EXPECT_EQ(request->api_version(), "batch/v1");
  EXPECT_EQ(request->kind(), "Job");
  EXPECT_EQ(request->outputs.at(0).second.find({{"status", {{"succeeded", 3}}}}), 3);
}

TEST(ResourceRequest, SaysWhatIsWrong) {
  const auto said = [](const std::function<void(Wanted&)>& change) {
    Wanted one = wanted();
    change(one);
    const auto request = request_of(one);
    return request ? std::string("nothing") : request.error().message;
  };
  EXPECT_THAT(said([](Wanted& one) { one.manifest = "kind: Job"; }),
              HasSubstr("must be an object"));
  EXPECT_THAT(said([](Wanted& one) { one.manifest.erase("kind"); }),
              HasSubstr("'kind' is missing"));
  EXPECT_THAT(said([](Wanted& one) { one.manifest["apiVersion"] = 1; }),
              HasSubstr("'apiVersion' is missing"));
  const auto generated = [](Wanted& one) { one.manifest["metadata"] = {{"generateName", "j-"}}; };
  EXPECT_THAT(said(generated), HasSubstr("metadata.name is missing"));
  EXPECT_EQ(said([&](Wanted& one) {
              generated(one);
              one.action = "create";
            }),
            "nothing");
  EXPECT_THAT(said([](Wanted& one) {
                one.manifest["metadata"]["namespace"] = "a";
                one.name_space = "b";
              }),
              HasSubstr("say it once"));
  EXPECT_THAT(said([](Wanted& one) { one.success = {"Ready"}; }),
              HasSubstr("with.success: 'Ready'"));
  EXPECT_THAT(said([](Wanted& one) { one.failure = {"{.a"}; }), HasSubstr("with.failure: "));
  EXPECT_THAT(said([](Wanted& one) { one.outputs = {{"x", 1}}; }), HasSubstr("with.outputs.x"));
  EXPECT_THAT(said([](Wanted& one) {
                one.outputs = {{"x", "phase"}};
              }),
              HasSubstr("with.outputs.x"));
  EXPECT_THAT(said([](Wanted& one) {
                one.action = "delete";
                one.success = {"condition Complete"};
              }),
              HasSubstr("waits until the object is gone"));
}

TEST(ResourceRequest, FailureComesBeforeSuccessAndBothAfterItsControllerHasLooked) {
  Wanted said = wanted();
  said.success = {"{.status.succeeded} >= 1", "condition Complete"};
  said.failure = {"condition Failed"};
  const auto request = request_of(said);
  ASSERT_TRUE(request);
  json job = {{"metadata", {{"generation", 2}}}, {"status", {{"succeeded", 1}}}};
  EXPECT_EQ(judge(*request, job).text, "there is no condition Complete yet");
  job["status"]["conditions"] = {{{"type", "Complete"}, {"status", "True"}}};
  EXPECT_EQ(judge(*request, job).state, State::holds);
  job["status"]["observedGeneration"] = 1;
  EXPECT_EQ(judge(*request, job).state, State::waits);
  job["status"]["observedGeneration"] = 2;
  job["status"]["conditions"].push_back(
      {{"type", "Failed"}, {"status", "True"}, {"message", "three times"}});
  EXPECT_EQ(judge(*request, job).state, State::failed);
  EXPECT_EQ(judge(*request, job).text, "Failed is True: three times");
}

}  // namespace
}  // namespace scanflow::resource
