#include "engine/http/message.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace scanflow::http {
namespace {

TEST(Message, ATargetIsCutAndDecoded) {
  Request request;
  ASSERT_TRUE(
      parse_target("/api/v1//runs/a%2Fb%20c?labels=team%3Da,b&since=1d&x&y=1+2&=", request));
  EXPECT_EQ(request.path, (std::vector<std::string>{"api", "v1", "runs", "a/b c"}));
  EXPECT_EQ(request.query,
            (std::multimap<std::string, std::string>{
                {"labels", "team=a,b"}, {"since", "1d"}, {"x", ""}, {"y", "1 2"}, {"", ""}}));
  EXPECT_EQ(request.parameter("none"), "");
  Request twice;
  ASSERT_TRUE(parse_target("/?b=1&a=2&b=0", twice));
  EXPECT_EQ(twice.parameter("b"), "0") << "the last one";
  EXPECT_EQ(twice.query.count("b"), 2u);
}

TEST(Message, AMalformedTargetIsRefused) {
  for (const char* target : {"", "runs", "http://localhost/runs", "/%", "/%4", "/%zz", "/a?b=%f"}) {
    Request request;
    EXPECT_FALSE(parse_target(target, request)) << target;
  }
}

TEST(Message, OnlyThisMachinesOwnNamesAreLoopback) {
  for (const char* host : {"localhost", "localhost:80", "127.0.0.1", "127.0.0.1:8420",
                           "127.1.2.3:1", "[::1]", "[::1]:8420"})
    EXPECT_TRUE(is_loopback_host(host)) << host;
  for (const char* host : {"", "localhost.evil.example", "127.evil.example", "evil.example",
                           "0.0.0.0", "[::]", "[::1", "[::1]x", "10.0.0.1:127", "1127.0.0.1"})
    EXPECT_FALSE(is_loopback_host(host)) << host;
}

TEST(Message, WhatIsNoTextIsStillJson) {
  const Response response = refuse(400, 2, "bad \xff byte");
  EXPECT_FALSE(json::parse(response.body, nullptr, false).is_discarded()) << response.body;
}

}  // namespace
}  // namespace scanflow::http
