#include "engine/cli/hint.hpp"

#include <gtest/gtest.h>

#include "engine/cli/context.hpp"

namespace scanflow::cli {
namespace {

TEST(Hint, WordsAreQuotedWhereAShellWouldReadSomethingElse) {
  EXPECT_EQ(shell_quoted("call/gate"), "call/gate");
  EXPECT_EQ(shell_quoted("train[model=cnn1]"), "'train[model=cnn1]'");
  EXPECT_EQ(shell_quoted("it's"), R"('it'\''s')");
  EXPECT_EQ(shell_quoted("~/x"), "'~/x'");
  EXPECT_EQ(shell_quoted(""), "''");
}

TEST(Hint, SaysWhereTheRunIs) {
  Context context;
  EXPECT_EQ(hint(context, {"runs", "show", "last"}), "scanflow runs show last");
  context.state = "/my runs";
  EXPECT_EQ(hint(context, {"runs", "logs", "last", "a[0]"}),
            "scanflow runs logs last 'a[0]' --state '/my runs'");
  context.server = "http://127.0.0.1:8420";
  EXPECT_EQ(hint(context, {"runs", "show", "last"}),
            "scanflow runs show last --server http://127.0.0.1:8420");
}

}  // namespace
}  // namespace scanflow::cli
