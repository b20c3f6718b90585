#include "engine/http/url.hpp"

#include <gtest/gtest.h>

namespace scanflow::http {
namespace {

TEST(UrlTest, HasItsParts) {
  const auto url = parse_url("https://ann:secret@[::1]:8443/v2/models/iris/");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, "8443");
  EXPECT_EQ(url->path, "/v2/models/iris");
  EXPECT_EQ(url->user, "ann:secret");
}

TEST(UrlTest, HasAPortWhereNoneIsSaid) {
  EXPECT_EQ(parse_url("http://here")->port, "80");
  EXPECT_EQ(parse_url("https://here")->port, "443");
  EXPECT_EQ(parse_url("http://[fe80::1]/a")->host, "fe80::1");
  EXPECT_EQ(parse_url("http://here/")->path, "");
}

TEST(UrlTest, WhatIsNoneIsNothing) {
  for (const char* text :
       {"", "here:80", "ftp://here", "http://", "http://:80", "http://here:", "http://here:8o",
        "http://here:70000", "http://he re", "http://a?b", "http://[::1", "http://a/b c"})
    EXPECT_FALSE(parse_url(text)) << text;
}

}  // namespace
}  // namespace scanflow::http
