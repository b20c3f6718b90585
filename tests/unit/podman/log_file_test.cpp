#include "engine/podman/log_file.hpp"

#include <gtest/gtest.h>

namespace scanflow::podman {
namespace {

constexpr std::string_view kLog =
    "2026-11-28T19:12:27.929965354+00:00 stdout F one\n"
    "2026-11-28T19:12:27.930000000+00:00 stderr F two\n"
    "2026-11-28T19:12:27.930000001+00:00 stdout P thr\n"
    "2026-11-28T19:12:27.930000002+00:00 stderr F between\n"
    "2026-11-28T19:12:27.930000003+00:00 stdout F ee\n"
    "2026-11-28T19:12:27.930000004+00:00 stdout F \n"
    "2026-11-28T19:12:27.930000005+00:00 stderr P no end";

TEST(LogFile, GivesBothStreamsInTheirOrder) {
  EXPECT_EQ(last_lines(kLog, 100), "one\ntwo\nbetween\nthree\n\nno end\n");
}

TEST(LogFile, GivesTheLastLines) {
  EXPECT_EQ(last_lines(kLog, 2), "\nno end\n");
  EXPECT_EQ(last_lines(kLog, 0), "");
}

TEST(LogFile, LeavesOutARecordThatIsCutOff) {
  EXPECT_EQ(last_lines(kLog.substr(30), 100), "two\nbetween\nthree\n\nno end\n");
  EXPECT_EQ(last_lines("", 5), "");
  EXPECT_EQ(last_lines("nothing of the kind\n", 5), "");
}

}  // namespace
}  // namespace scanflow::podman
