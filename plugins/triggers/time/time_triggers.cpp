#include "plugins/triggers/time/time_triggers.hpp"

#include <fmt/format.h>

#include "plugins/common/config_value.hpp"
#include "plugins/common/durations.hpp"
#include "sdk/base/utc.hpp"

namespace scanflow::triggers {
namespace {

struct TimeState {
  std::int64_t first_us = 0;  // it was woken for the first time
  std::int64_t since_us = 0;  // all before is fired

  static TimeState read(std::string_view text, std::int64_t now_us) {
    if (text.empty()) return {now_us, now_us};
    const auto state = nlohmann::json::parse(text);
    return {state.at("first_us"), state.at("since_us")};
  }
  std::string text() const {
    return nlohmann::json{{"first_us", first_us}, {"since_us", since_us}}.dump();
  }
};

}  // namespace

TimeTrigger::TimeTrigger(const std::string& missed)
    : missed_(missed == "skip"   ? Missed::skip
              : missed == "once" ? Missed::once
                                 : Missed::all) {}

WakeResult TimeTrigger::wake(const Wake& wake) {
  TimeState state = TimeState::read(wake.state, wake.now_us);
  const auto times = this->times(state.first_us);
  WakeResult result;
  for (const std::int64_t time_us : times->due(missed_, state.since_us, wake.now_us)) {
    result.fires.push_back(
        {{"time", utc_text_us(time_us)}, {"time_us", time_us}, {"late_us", wake.now_us - time_us}});
  }
  if (!result.fires.empty() || wake.state.empty()) {
    state.since_us = std::max(state.since_us, wake.now_us);
    result.state = state.text();
  }
  result.next_wake_us = times->next_after(wake.now_us);
  return result;
}

Description IntervalTrigger::describe() {
  return {.id = "interval", .version = "1.0.0", .summary = "Fires every so often"};
}

IntervalTrigger::IntervalTrigger(const Config& config) : TimeTrigger(config.missed) {
  interval_.every_us = config_value("every", [&] { return duration_us(config.every); });
  if (interval_.every_us <= 0) throw Invalid("every: write a time above 0, like 10s");
  interval_.jitter_us = config_value("jitter", [&] { return duration_us(config.jitter); });
  if (interval_.jitter_us > interval_.every_us)
    throw Invalid(fmt::format("jitter: {} is more than 'every', {}", config.jitter, config.every));
  begins_by_itself_ = config.start.empty();
  if (!begins_by_itself_)
    interval_.begin_us =
        config_value("start", [&] { return parse_moment(config.start, config.timezone); });
  if (!config.end.empty())
    interval_.end_us =
        config_value("end", [&] { return parse_moment(config.end, config.timezone); });
  if (interval_.end_us && !begins_by_itself_ && *interval_.end_us < interval_.begin_us)
    throw Invalid(fmt::format("end: {} is before 'start', {}", config.end, config.start));
  interval_.seed = seed_of(config.every + config.start + config.jitter);
}

std::shared_ptr<const Times> IntervalTrigger::times(std::int64_t first_us) const {
  Interval interval = interval_;
  if (begins_by_itself_) interval.begin_us = first_us + interval.every_us;
  return times_of(interval);
}

Description DateTrigger::describe() {
  return {.id = "date", .version = "1.0.0", .summary = "Fires once, at a given time"};
}

DateTrigger::DateTrigger(const Config& config)
    : TimeTrigger(config.missed),
      times_(
          config_value("at", [&] { return times_of(parse_moment(config.at, config.timezone)); })) {}

std::shared_ptr<const Times> DateTrigger::times(std::int64_t) const { return times_; }

Description CronTrigger::describe() {
  return {.id = "cron", .version = "1.0.0", .summary = "Fires at times of the calendar"};
}

CronTrigger::CronTrigger(const Config& config) : TimeTrigger(config.missed) {
  config_value("timezone", [&] { return check_zone(config.timezone); });
  times_ = config_value("cron", [&] { return times_of(config.cron, config.timezone); });
}

std::shared_ptr<const Times> CronTrigger::times(std::int64_t) const { return times_; }

}  // namespace scanflow::triggers
