#include "engine/schedule/zone.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/temp_dir.hpp"
#include "tests/unit/schedule/support.hpp"

namespace scanflow::schedule {
namespace {

std::chrono::sys_seconds second(const std::string& text) {
  return std::chrono::sys_seconds(std::chrono::seconds(utc_us(text) / 1'000'000));
}

std::string error_of(const std::string& name) {
  const auto zone = Zone::find(name);
  return zone ? "no error" : zone.error().message;
}

TEST(Zone, IsFoundByItsName) {
  for (const char* name : {"Europe/Madrid", "America/Argentina/Buenos_Aires", "UTC",
                           "America/Port-au-Prince", "Etc/GMT+2", "EST5EDT"}) {
    const auto zone = Zone::find(name);
    ASSERT_TRUE(zone) << zone.error().message;
    EXPECT_EQ(zone->name(), name);
  }
  EXPECT_EQ(Zone::find("").value().name(), "UTC");
}

TEST(Zone, PeriodsFollowEachOther) {
  const Zone zone = Zone::find("Europe/Madrid").value();
  Period period = zone.period_from(second("2026-01-15 12:00"));
  EXPECT_EQ(period.begin, second("2026-01-15 12:00"));
  EXPECT_EQ(period.offset, std::chrono::hours(1));
  EXPECT_EQ(period.end, second("2026-03-29 01:00"));
  period = zone.period_from(period.end);
  EXPECT_EQ(period.offset, std::chrono::hours(2));
  EXPECT_EQ(period.end, second("2026-10-25 01:00"));
  EXPECT_EQ(zone.period_from(period.end - std::chrono::seconds(1)).end, period.end);
  EXPECT_EQ(zone.period_from(period.end).offset, std::chrono::hours(1));
}

TEST(Zone, ItsRuleGoesOnBeyondWhatTheDatabaseLists) {
  const Zone zone = Zone::find("Europe/Madrid").value();
  for (const auto& [summer, end] :
       std::vector<std::pair<std::string, std::string>>{{"2037-07-01 00:00", "2037-10-25 01:00"},
                                                        {"2038-07-01 00:00", "2038-10-31 01:00"},
                                                        {"2299-07-01 00:00", "2299-10-29 01:00"}}) {
    EXPECT_EQ(zone.period_from(second(summer)).offset, std::chrono::hours(2)) << summer;
    EXPECT_EQ(zone.period_from(second(summer)).end, second(end)) << summer;
  }
}

TEST(Zone, UtcNeverChanges) {
  const Period period = Zone::find("UTC").value().period_from(second("1900-01-01 00:00"));
  EXPECT_EQ(period.offset, std::chrono::seconds(0));
  EXPECT_EQ(period.end, std::chrono::sys_seconds::max());
}

TEST(Zone, AnUnknownOneNamesTheNearest) {
  const std::string names =
      " (it takes the IANA names in /usr/share/zoneinfo, for example 'Europe/Madrid' or 'UTC')";
  for (const auto& [name, meant] : std::vector<std::pair<std::string, std::string>>{
           {"Europe/Madird", ", did you mean 'Europe/Madrid'?"},
           {"europe/madrid", ", did you mean 'Europe/Madrid'?"},
           {"Madrid", ", did you mean 'Europe/Madrid'?"},
           {"new york", ", did you mean 'America/New_York'?"},
           {"Louisville", ", did you mean 'America/Kentucky/Louisville'?"},
           {"Asia/Katmandoo", ", did you mean 'Asia/Kathmandu'?"},
           {"Roma", ", did you mean 'Europe/Rome'?"},
           {"utc", ", did you mean 'UTC'?"},
           {"GMT+2", ""},  // not Etc/GMT+2, which lies west of Greenwich
           {"+02:00", ""},
           {"CEST", ""},
           {"localtime", ""},
           {"libc:localtime", ""},
           {"Europe", ""},
           {"Europe/", ""},
           {"right/UTC", ""},
           {"/usr/share/zoneinfo/Europe/Madrid", ""},
           {"../zoneinfo/Europe/Madrid", ""},
           {"Fixed/UTC+05:30:00", ""}}) {
    EXPECT_EQ(error_of(name), "there is no time zone '" + name + "'" + meant + names);
  }
}

TEST(Zone, SaysWhereTheDatabaseIsMissing) {
  ASSERT_EQ(::setenv("TZDIR", "/nonexistent/zoneinfo", 1), 0);
  EXPECT_EQ(
      error_of("Indian/Reunion"),
      "there is no time zone 'Indian/Reunion': cannot open /nonexistent/zoneinfo/zone.tab: No "
      "such file or directory (install the package tzdata)");
  EXPECT_EQ(error_of("UTC"), "no error") << "needs no database";
  ::unsetenv("TZDIR");
}

TEST(Zone, SaysThatTheDatabaseIsDamaged) {
  const test::TempDir dir;
  dir.write("Indian/Mauritius", "not a time zone");
  dir.write("zone.tab", "# a comment\nMU\t-2010+05730\tIndian/Mauritius\n");
  ASSERT_EQ(::setenv("TZDIR", dir.path().c_str(), 1), 0);
  EXPECT_EQ(error_of("Indian/Mauritius"), "time zone 'Indian/Mauritius' cannot be read from " +
                                              dir.path().native() +
                                              " (install the package tzdata anew, then restart)");
  ::unsetenv("TZDIR");
}

}  // namespace
}  // namespace scanflow::schedule
