#include "engine/orchestrate/told.hpp"

#include <gmock/gmock.h>

namespace scanflow::orchestrate {
namespace {

using testing::HasSubstr;
using testing::Not;

Request asked(const std::string& primitive, const kube::Kind& kind = kinds::kDeployment) {
  Request request;
  request.target = {kind, "shop", "web"};
  request.primitive = primitive;
  request.by = "alice";
  return request;
}

TEST(Told, ADoneOneReadsWellInDescribe) {
  Outcome outcome;
  outcome.message = "Deployment shop/web has 3 replicas (it had 2)";
  const kube::Event event = event_of(asked("scale"), "u", outcome);
  EXPECT_FALSE(event.warning);
  EXPECT_EQ(event.reason, "ScaleDone");
  EXPECT_EQ(event.action, "scale");
  EXPECT_EQ(event.note, "Deployment shop/web has 3 replicas (it had 2), asked by alice");
  EXPECT_EQ(event.regarding.uid, "u");
  EXPECT_EQ(event.regarding.name_space, "shop");
}

TEST(Told, WhateverElseIsAWarning) {
  const auto reason = [](const Outcome& outcome) {
    const kube::Event event = event_of(asked("set_traffic"), "u", outcome);
    EXPECT_TRUE(event.warning);
    return event.reason;
  };
  EXPECT_EQ(reason(refused("no")), "SetTrafficRefused");
  EXPECT_EQ(reason(failed("no")), "SetTrafficFailed");
  EXPECT_EQ(reason(unsupported("no")), "SetTrafficUnsupported");
}

TEST(Told, WhoAskedIsSaidHoweverLongTheRestIs) {
  const kube::Event event = event_of(asked("scale"), "u", failed(std::string(3000, 'x') + "\n"));
  EXPECT_EQ(event.note.size(), 1024u);
  EXPECT_THAT(event.note, HasSubstr("x, asked by alice"));
  Request nobodys = asked("scale");
  nobodys.by.clear();
  EXPECT_EQ(event_of(nobodys, "u", failed("no")).note, "no");
}

TEST(Told, OfASecretNothingIsQuoted) {
  const kube::Event event =
      event_of(asked("patch", kube::kinds::kSecret), "u", failed("Invalid value: hunter2"));
  EXPECT_THAT(event.note, Not(HasSubstr("hunter2")));
  EXPECT_EQ(event.note, "patch of Secret shop/web, asked by alice");
}

}  // namespace
}  // namespace scanflow::orchestrate
