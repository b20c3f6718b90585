#include "engine/pipeline/image_name.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>

namespace scanflow::pipeline {
namespace {

using testing::HasSubstr;

std::string problem(std::string_view name) {
  const auto checked = check_image_name(name);
  return checked ? "" : checked.error().message;
}

TEST(ImageName, TakesWhatRegistriesTake) {
  const std::string digest = "@sha256:" + std::string(64, 'a');
  for (const std::string& name :
       {std::string("a"), std::string("python:3.11-slim"), std::string("localhost/app"),
        std::string("localhost:5000/team/app_1:v2"), std::string("Registry.Local/a/b--c/d__e.f"),
        std::string("[::1]:5000/app"), std::string("registry.k8s.io/pause@") + digest.substr(1),
        "app:1" + digest}) {
    EXPECT_EQ(problem(name), "");
    EXPECT_TRUE(std::regex_match(name, std::regex(std::string(kImagePattern)))) << name;
  }
}

TEST(ImageName, SaysWhatWasMeant) {
  EXPECT_THAT(problem("Foo Bar"), HasSubstr("did you mean 'foo-bar'?"));
  EXPECT_THAT(problem("UPPER/case:1"), HasSubstr("did you mean 'upper/case:1'?"));
  EXPECT_THAT(problem("localhost/App"), HasSubstr("did you mean 'localhost/app'?"));
  EXPECT_THAT(problem("app:"), HasSubstr("its tag is empty"));
  EXPECT_THAT(problem("app:a b"), HasSubstr("its tag has"));
  EXPECT_THAT(problem("app@sha256:12"), HasSubstr("a digest"));
  EXPECT_THAT(problem("localhost:x/app"), HasSubstr("HOST:PORT"));
  for (const char* name : {"", "/", "a//b", "a/", "-a", "a-", "a..b", "docker://a", "a___b", "é"})
    EXPECT_NE(problem(name), "") << name;
  EXPECT_THAT(problem(std::string(300, 'a')), HasSubstr("255"));
}

}  // namespace
}  // namespace scanflow::pipeline
