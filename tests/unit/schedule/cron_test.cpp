#include "engine/schedule/cron.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/schedule/support.hpp"

namespace scanflow::schedule {
namespace {

struct CronRow {
  std::string expression, after;  // UTC
  std::vector<std::string> next;  // UTC, without "+00:00"
};

/// 1 January 2026 is a Thursday.
const std::vector<CronRow>& rows() {
  static const std::vector<CronRow> all = {
      {"* * * * *", "2026-01-01 00:00", {"2026-01-01 00:01", "2026-01-01 00:02"}},
      {"* * * * *", "2026-12-31 23:59:30", {"2027-01-01 00:00", "2027-01-01 00:01"}},
      {"*/25 * * * *",
       "2026-01-01 00:10",
       {"2026-01-01 00:25", "2026-01-01 00:50", "2026-01-01 01:00"}},
      {"5/20 4 * * *",
       "2026-01-01 00:00",
       {"2026-01-01 04:05", "2026-01-01 04:25", "2026-01-01 04:45", "2026-01-02 04:05"}},
      {"10-40/15 0 * * *",
       "2026-01-01 00:10",
       {"2026-01-01 00:25", "2026-01-01 00:40", "2026-01-02 00:10"}},
      {"0,30,0 05 * * *", "2026-01-01 05:00", {"2026-01-01 05:30", "2026-01-02 05:00"}},
      {"0 22-23,0-1 * * *",
       "2026-01-01 01:00",
       {"2026-01-01 22:00", "2026-01-01 23:00", "2026-01-02 00:00", "2026-01-02 01:00"}},
      {"30 9-17/4 * * mon-fri", "2026-01-02 13:30", {"2026-01-02 17:30", "2026-01-05 09:30"}},
      {"0 0 1 * *", "2026-01-01 00:00", {"2026-02-01 00:00", "2026-03-01 00:00"}},
      {"0 0 31 * *",
       "2026-01-01 00:00",
       {"2026-01-31 00:00", "2026-03-31 00:00", "2026-05-31 00:00"}},
      {"0 0 L * *",
       "2027-12-31 00:00",
       {"2028-01-31 00:00", "2028-02-29 00:00", "2028-03-31 00:00", "2028-04-30 00:00"}},
      {"0 0 l 2 *",
       "2026-01-01 00:00",
       {"2026-02-28 00:00", "2027-02-28 00:00", "2028-02-29 00:00"}},
      {"0 0 15,L * *",
       "2026-01-15 00:00",
       {"2026-01-31 00:00", "2026-02-15 00:00", "2026-02-28 00:00"}},
      {"0 0 29 2 *", "2024-02-29 00:00", {"2028-02-29 00:00", "2032-02-29 00:00"}},
      {"0 0 29 2 *", "2096-02-29 00:00", {"2104-02-29 00:00"}},
      {"0 12 * Jan,jul SUN", "2026-01-19 00:00", {"2026-01-25 12:00", "2026-07-05 12:00"}},
      {"0 0 1 5-7/2 *",
       "2026-01-01 00:00",
       {"2026-05-01 00:00", "2026-07-01 00:00", "2027-05-01 00:00"}},
      {"0 0 1 */5 *",
       "2026-01-01 00:00",
       {"2026-06-01 00:00", "2026-11-01 00:00", "2027-01-01 00:00"}},
      {"59 23 31 12 *", "2026-01-01 00:00", {"2026-12-31 23:59", "2027-12-31 23:59"}},
      // Days of the week: 0 and 7 are Sunday.
      {"0 0 * * 0", "2026-01-01 00:00", {"2026-01-04 00:00", "2026-01-11 00:00"}},
      {"0 0 * * 7", "2026-01-01 00:00", {"2026-01-04 00:00", "2026-01-11 00:00"}},
      {"0 0 * * 5-7",
       "2026-01-01 00:00",
       {"2026-01-02 00:00", "2026-01-03 00:00", "2026-01-04 00:00", "2026-01-09 00:00"}},
      {"0 0 * * Fri-Sun",
       "2026-01-01 00:00",
       {"2026-01-02 00:00", "2026-01-03 00:00", "2026-01-04 00:00", "2026-01-09 00:00"}},
      {"0 0 * * sun-mon",
       "2026-01-01 00:00",
       {"2026-01-04 00:00", "2026-01-05 00:00", "2026-01-11 00:00"}},
      {"0 0 * * */3",
       "2026-01-01 00:00",
       {"2026-01-03 00:00", "2026-01-04 00:00", "2026-01-07 00:00", "2026-01-10 00:00"}},
      {"0 0 * * 4/2", "2026-01-01 00:00", {"2026-01-03 00:00", "2026-01-08 00:00"}},
      // Both days restricted: either; else both.
      {"0 0 13 * fri",
       "2026-02-01 00:00",
       {"2026-02-06 00:00", "2026-02-13 00:00", "2026-02-20 00:00", "2026-02-27 00:00",
        "2026-03-06 00:00", "2026-03-13 00:00", "2026-03-20 00:00", "2026-03-27 00:00",
        "2026-04-03 00:00", "2026-04-10 00:00", "2026-04-13 00:00"}},
      {"0 0 30 2 mon", "2026-01-01 00:00", {"2026-02-02 00:00", "2026-02-09 00:00"}},
      {"0 0 L * wed",
       "2026-01-25 00:00",
       {"2026-01-28 00:00", "2026-01-31 00:00", "2026-02-04 00:00"}},
      {"0 0 */2 * mon",
       "2026-01-01 00:00",
       {"2026-01-05 00:00", "2026-01-19 00:00", "2026-02-09 00:00"}},
      {"0 0 13 * */5",
       "2026-01-01 00:00",
       {"2026-02-13 00:00", "2026-03-13 00:00", "2026-09-13 00:00"}},
      // Names for whole expressions.
      {"@hourly", "2026-01-01 00:00", {"2026-01-01 01:00", "2026-01-01 02:00"}},
      {"@daily", "2026-01-01 00:00", {"2026-01-02 00:00"}},
      {" @Midnight ", "2026-01-01 00:00", {"2026-01-02 00:00"}},
      {"@weekly", "2026-01-01 00:00", {"2026-01-04 00:00"}},
      {"@monthly", "2026-01-01 00:00", {"2026-02-01 00:00"}},
      {"@yearly", "2026-01-01 00:00", {"2027-01-01 00:00"}},
      {"@annually", "2026-01-01 00:00", {"2027-01-01 00:00"}},
      {"\t0  0 *\t* *\n", "2026-01-01 00:00", {"2026-01-02 00:00"}},
  };
  return all;
}

TEST(Cron, FiresWhenItSays) {
  for (const CronRow& row : rows()) {
    std::vector<std::string> expected;
    for (const std::string& text : row.next) expected.push_back(text + "+00:00");
    EXPECT_EQ(next_texts(make(row.expression), row.after, expected.size()), expected)
        << "'" << row.expression << "' after " << row.after;
  }
}

struct BadRow {
  std::string expression, error;
};

const std::string kShape =
    " (it takes minute hour day-of-month month day-of-week, for example '30 6 * * mon-fri' (at "
    "6:30 from Monday to Friday); or @hourly, @daily, @midnight, @weekly, @monthly, @yearly, "
    "@annually)";
const std::string kMinute = "; it takes 0-59, for example '0', '*/15' or '0,30'";
const std::string kHour = "; it takes 0-23, for example '6', '*/2' or '9-17'";
const std::string kDayHelp = "; it takes 1-31 or L (the last day), for example '1', '1,15' or 'L'";
const std::string kMonth = "; it takes 1-12 or jan to dec, for example '1', 'jan' or '6-8'";
const std::string kWeekday =
    "; it takes 0-7 (0 and 7 are Sunday) or sun to sat, for example '1', 'mon-fri' or 'sat,sun'";
const std::string kNever =
    " (February has 29 days at most, April, June, September and November have 30; 'L' is the last "
    "day of any month)";

const std::vector<BadRow>& bad_rows() {
  static const std::vector<BadRow> all = {
      {"", "a schedule has five fields, not 0" + kShape},
      {" \t", "a schedule has five fields, not 0" + kShape},
      {"* * * *", "a schedule has five fields, not 4" + kShape},
      {"0 * * * * *", "a schedule has five fields, not 6; no seconds, no year" + kShape},
      {"daily", "a schedule has five fields, not 1" + kShape},
      {"@dayly", "there is no schedule '@dayly', did you mean '@daily'?" + kShape},
      {"@reboot", "there is no schedule '@reboot'" + kShape},
      {"@every 5m", "a schedule has five fields, not 2" + kShape},
      {"60 * * * *", "minute: '60' is not allowed" + kMinute},
      {"x * * * *", "minute: 'x' is not allowed" + kMinute},
      {"99999999999 * * * *", "minute: '99999999999' is not allowed" + kMinute},
      {"-5 * * * *", "minute: '-5' is not allowed" + kMinute},
      {"5- * * * *", "minute: '5-' is not allowed" + kMinute},
      {"+5 * * * *", "minute: '+5' is not allowed" + kMinute},
      {"1.5 * * * *", "minute: '1.5' is not allowed" + kMinute},
      {"1-2-3 * * * *", "minute: '2-3' in '1-2-3' is not allowed" + kMinute},
      {"** * * * *", "minute: '**' is not allowed" + kMinute},
      {"*-5 * * * *", "minute: '*' in '*-5' is not allowed" + kMinute},
      {"50-70 * * * *", "minute: '70' in '50-70' is not allowed" + kMinute},
      {"0,61 * * * *", "minute: '61' is not allowed" + kMinute},
      {"0,,5 * * * *", "minute: '0,,5' has a comma too many" + kMinute},
      {", * * * *", "minute: ',' has a comma too many" + kMinute},
      {"0, * * * *", "minute: '0,' has a comma too many" + kMinute},
      {"L * * * *", "minute: 'L' is not allowed" + kMinute},
      {"*/90 * * * *",
       "minute: the step '90' of '*/90' is not within 1-59 (each hour begins anew)" + kMinute},
      {"*/0 * * * *",
       "minute: the step '0' of '*/0' is not within 1-59 (each hour begins anew)" + kMinute},
      {"*/ * * * *",
       "minute: the step '' of '*/' is not within 1-59 (each hour begins anew)" + kMinute},
      {"*/5/2 * * * *",
       "minute: the step '5/2' of '*/5/2' is not within 1-59 (each hour begins anew)" + kMinute},
      {"/5 * * * *", "minute: '/5' is not allowed" + kMinute},
      {"0-10/20 * * * *",
       "minute: the step '20' of '0-10/20' is not within 1-10 (each hour begins anew)" + kMinute},
      {"0 24 * * *", "hour: '24' is not allowed" + kHour},
      {"0 22-2 * * *", "hour: '22-2' runs backwards (write '22-23,0-2')" + kHour},
      {"0 */24 * * *",
       "hour: the step '24' of '*/24' is not within 1-23 (each day begins anew)" + kHour},
      {"0 0 0 * *", "day-of-month: '0' is not allowed" + kDayHelp},
      {"0 0 32 * *", "day-of-month: '32' is not allowed" + kDayHelp},
      {"0 0 ? * *", "day-of-month: '?' is not allowed" + kDayHelp},
      {"0 0 L-3 * *", "day-of-month: 'L' in 'L-3' is not allowed" + kDayHelp},
      {"0 0 L/2 * *", "day-of-month: 'L' in 'L/2' is not allowed" + kDayHelp},
      {"0 0 */31 * *",
       "day-of-month: the step '31' of '*/31' is not within 1-30 (each month begins anew)" +
           kDayHelp},
      {"0 0 1 13 *", "month: '13' is not allowed" + kMonth},
      {"0 0 1 0 *", "month: '0' is not allowed" + kMonth},
      {"0 0 1 january *", "month: 'january' is not allowed" + kMonth},
      {"0 0 1 nov-feb *", "month: 'nov-feb' runs backwards (write 'nov-12,1-feb')" + kMonth},
      {"0 0 1 */12 *",
       "month: the step '12' of '*/12' is not within 1-11 (each year begins anew)" + kMonth},
      {"0 0 * * 8", "day-of-week: '8' is not allowed" + kWeekday},
      {"0 0 * * lun", "day-of-week: 'lun' is not allowed" + kWeekday},
      {"0 0 * * 5L", "day-of-week: '5L' is not allowed" + kWeekday},
      {"0 0 * * fri#2", "day-of-week: 'fri#2' is not allowed" + kWeekday},
      {"0 0 * * fri-mon", "day-of-week: 'fri-mon' runs backwards (write 'fri-6,0-mon')" + kWeekday},
      {"0 0 * * */7",
       "day-of-week: the step '7' of '*/7' is not within 1-6 (each week begins anew)" + kWeekday},
      {"0 0 31 2 *", "the schedule never fires: no month of '2' has a day of '31'" + kNever},
      {"0 0 30-31 feb *",
       "the schedule never fires: no month of 'feb' has a day of '30-31'" + kNever},
      {"0 0 31 2,4,6,9,11 *",
       "the schedule never fires: no month of '2,4,6,9,11' has a day of '31'" + kNever},
      {"0 0 30 2 */2", "the schedule never fires: no month of '2' has a day of '30'" + kNever},
  };
  return all;
}

TEST(Cron, ErrorsSayWhatWhereAndTheFix) {
  for (const BadRow& row : bad_rows()) {
    const auto cron = Cron::parse(row.expression);
    EXPECT_EQ(cron ? "no error" : cron.error().message, row.error) << "'" << row.expression << "'";
  }
}

TEST(Cron, NextIsWithinItsBounds) {
  using std::chrono::local_days;
  using std::chrono::local_seconds;
  using std::chrono::minutes;
  using std::chrono::seconds;
  const Cron cron = Cron::parse("30 6 * * *").value();
  const local_seconds day = local_days(std::chrono::year(2026) / 1 / 1);
  const local_seconds hit = day + minutes(390);
  EXPECT_EQ(cron.next(hit, hit + seconds(1)), hit) << "`from` is included";
  EXPECT_EQ(cron.next(day, hit), std::nullopt) << "`end` is not";
  EXPECT_EQ(cron.next(hit + seconds(1), hit + minutes(1440)), std::nullopt);
  EXPECT_EQ(cron.next(hit - seconds(1), hit + seconds(1)), hit);
  EXPECT_EQ(cron.next(hit, hit), std::nullopt);
  EXPECT_EQ(cron.next(hit + minutes(1), day), std::nullopt) << "an empty stretch";
}

/// Over the 400 years after which the calendar repeats itself: next_after's 41 years are enough.
TEST(Cron, WhatParsesFiresWithin40Years) {
  using std::chrono::days;
  using std::chrono::local_days;
  using std::chrono::local_seconds;
  using std::chrono::year;
  for (const char* expression : {"0 0 29 2 *", "0 0 29 2 */6", "0 0 29 2 */5", "0 0 29 2 */4",
                                 "0 0 */28 2 0", "0 0 L 2 */6", "0 0 */30 12 0"}) {
    const Cron cron = Cron::parse(expression).value();
    const local_days end{year(2500) / 1 / 1};
    local_seconds last = local_days(year(2000) / 1 / 1);
    for (auto hit = cron.next(last, end); hit; hit = cron.next(last + days(1), end)) {
      EXPECT_LE(*hit - last, days(40 * 366)) << expression;
      last = *hit;
    }
    EXPECT_GT(last, local_days(year(2459) / 1 / 1)) << expression;
  }
}

}  // namespace
}  // namespace scanflow::schedule
