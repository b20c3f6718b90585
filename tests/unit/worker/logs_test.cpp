#include "engine/worker/logs.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/temp_dir.hpp"

namespace scanflow::worker {
namespace {

TEST(Logs, TheLastLineIsTheLastThatIsNotBlank) {
  EXPECT_EQ(last_line("first\nsecond\n\n  \n"), "second");
  EXPECT_EQ(last_line("only"), "only");
  EXPECT_EQ(last_line("a\n  b \r\n"), "  b");
  EXPECT_EQ(last_line(" \n\t"), "");
  EXPECT_EQ(last_line(""), "");
  EXPECT_EQ(last_line("x\n" + std::string(300, 'y')), std::string(200, 'y'));
}

TEST(Logs, ASegmentThatWasRemovedIsMadeAnew) {
  const test::TempDir files;
  const std::string directory = (files / "run/logs").string();
  Logs logs;
  const auto first = logs.open(directory, "0.log");
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_EQ(::write(first->fd, "text", 4), 4);
  EXPECT_EQ(logs.open(directory, "0.log")->size, 4u);
  std::filesystem::remove_all(directory);
  const auto again = logs.open(directory, "0.log");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->size, 0u);
  EXPECT_TRUE(std::filesystem::exists(directory + "/0.log"));
}

}  // namespace
}  // namespace scanflow::worker
