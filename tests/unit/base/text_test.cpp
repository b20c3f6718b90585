#include "sdk/base/text.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

namespace scanflow {
namespace {

TEST(Text, WhatIsNoUtf8IsReplacedByteForByte) {
  EXPECT_EQ(valid_utf8("plain, Gr\xc3\xbcn, \xe2\x9c\x93, \xf0\x9f\x98\x80"),
            "plain, Gr\xc3\xbcn, \xe2\x9c\x93, \xf0\x9f\x98\x80");
  EXPECT_EQ(valid_utf8("\xe4hnlich"), "\xef\xbf\xbdhnlich");
  EXPECT_EQ(valid_utf8("a\xe2\x9c"), "a\xef\xbf\xbd\xef\xbf\xbd") << "cut in a character";
  EXPECT_EQ(valid_utf8("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd") << "overlong";
  EXPECT_EQ(valid_utf8("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") << "surrogate";
}

TEST(Text, WhateverComesOutCanBeWrittenAsJson) {
  std::mt19937 random(11);
  for (int i = 0; i < 5000; ++i) {
    std::string bytes(random() % 12, ' ');
    for (char& c : bytes) c = static_cast<char>(random() | (random() % 2 == 0 ? 0x80 : 0));
    EXPECT_NO_THROW((void)nlohmann::json(valid_utf8(bytes)).dump());
  }
}

TEST(Text, IsNotCutWithinACharacter) {
  EXPECT_EQ(cut_utf8("Gr\xc3\xbcn", 3), "Gr");
  EXPECT_EQ(cut_utf8("Gr\xc3\xbcn", 4), "Gr\xc3\xbc");
  EXPECT_EQ(cut_utf8("Gr", 10), "Gr");
  EXPECT_EQ(cut_utf8("\xbc\xbc\xbc", 2), "");
}

TEST(Text, NestingIsCounted) {
  EXPECT_EQ(nesting_of("1"), 0u);
  EXPECT_EQ(nesting_of(R"({"a": ["[[[\"[[", {"}": []}], "b": [1]})"), 4u) << "not in text";
  EXPECT_EQ(nesting_of("]]]"), 0u);
  EXPECT_EQ(nesting_of(std::string(1000, '[')), 1000u);
}

}  // namespace
}  // namespace scanflow
