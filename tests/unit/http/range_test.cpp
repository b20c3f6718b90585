#include "engine/http/range.hpp"

#include <gtest/gtest.h>

namespace scanflow::http {
namespace {

TEST(Range, WhatIsAskedForIsCutToWhatThereIs) {
  EXPECT_EQ(range_of("bytes=0-0", 10), (Range{0, 1}));
  EXPECT_EQ(range_of("bytes=2-5", 10), (Range{2, 4}));
  EXPECT_EQ(range_of("bytes=2-99", 10), (Range{2, 8}));
  EXPECT_EQ(range_of("bytes=9-", 10), (Range{9, 1}));
  EXPECT_EQ(range_of("bytes=-3", 10), (Range{7, 3}));
  EXPECT_EQ(range_of("bytes=-30", 10), (Range{0, 10}));
  EXPECT_EQ(range_of("bytes=0-18446744073709551615", 10), (Range{0, 10}));
}

TEST(Range, OfNothingThereIsNone) {
  for (const char* header : {"bytes=10-", "bytes=10-11", "bytes=-0"})
    EXPECT_EQ(range_of(header, 10).value().bytes, 0u) << header;
  for (const char* header : {"bytes=0-", "bytes=-5"})
    EXPECT_EQ(range_of(header, 0).value().bytes, 0u) << header;
}

TEST(Range, WhatIsNoRangeOrSeveralIsPassedOver) {
  for (const char* header :
       {"", "bytes", "bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "bytes=1-b", "bytes=0-1,3-4",
        "bytes=--1", "bytes= 1-2", "lines=0-1", "bytes=18446744073709551616-"})
    EXPECT_EQ(range_of(header, 10), std::nullopt) << header;
}

TEST(Range, HeadersAreFoundInAnyCase) {
  Request request;
  request.headers = {{"X-One", "1"}, {"Range", "2"}, {"range", "3"}};
  EXPECT_EQ(request.header("x-one"), "1");
  EXPECT_EQ(request.header("RANGE"), "2") << "the first";
  EXPECT_EQ(request.header("Rang"), "");
}

}  // namespace
}  // namespace scanflow::http
