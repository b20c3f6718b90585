// Triggers that fire by the time: interval, date, cron.
#pragma once

#include <memory>
#include <optional>
#include <scanflow/trigger.hpp>
#include <string>

#include "plugins/triggers/time/times.hpp"

namespace scanflow::triggers {

/// What all of them do, once it is known when they fire. The evidence: {"time" (RFC 3339), "time_us", "late_us"}. The
/// state: up to when all is fired, so that a restart neither loses nor repeats one.
class TimeTrigger : public Trigger {
 public:
  WakeResult wake(const Wake& wake) override;

 protected:
  explicit TimeTrigger(const std::string& missed);
  /// `first_us`: when it was woken for the first time.
  virtual std::shared_ptr<const Times> times(std::int64_t first_us) const = 0;

 private:
  const Missed missed_;
};

struct IntervalConfig {
  std::string every;
  std::string start, end, jitter = "0s", timezone = "UTC", missed = "once";
  template <class V>
  void fields(V& f) {
    f("every", every).required().doc("how often: 10s, 2h, 1d, 1w");
    f("start", start)
        .doc(
            "of the first firing: 2026-03-01T06:00:00Z, or 2026-03-01 06:00 in 'timezone'; "
            "without it: 'every' after the agent begins");
    f("end", end).doc("nothing fires after it");
    f("jitter", jitter).doc("each firing is late by up to so much, each by a time of its own");
    f("timezone", timezone).doc("of 'start' and 'end', where they name no offset: Europe/Madrid");
    f("missed", missed)
        .one_of({"skip", "once", "all"})
        .doc("what becomes of firings that nobody was there for");
  }
};
class IntervalTrigger : public TimeTrigger {
 public:
  using Config = IntervalConfig;
  static Description describe();
  explicit IntervalTrigger(const Config& config);

 private:
  std::shared_ptr<const Times> times(std::int64_t first_us) const override;
  Interval interval_;
  bool begins_by_itself_ = false;  // where there is no 'start'
};

struct DateConfig {
  std::string at, timezone = "UTC", missed = "once";
  template <class V>
  void fields(V& f) {
    f("at", at).required().doc("when: 2026-03-01T06:00:00Z, or 2026-03-01 06:00 in 'timezone'");
    f("timezone", timezone).doc("of 'at', where it names no offset: Europe/Madrid");
    f("missed", missed).one_of({"skip", "once"}).doc("what becomes of it where nobody was there");
  }
};
class DateTrigger : public TimeTrigger {
 public:
  using Config = DateConfig;
  static Description describe();
  explicit DateTrigger(const Config& config);

 private:
  std::shared_ptr<const Times> times(std::int64_t first_us) const override;
  std::shared_ptr<const Times> times_;
};

struct CronConfig {
  std::string cron, timezone = "UTC", missed = "once";
  template <class V>
  void fields(V& f) {
    f("cron", cron)
        .required()
        .doc(
            "minute hour day-of-month month day-of-week: 0 3 * * mon-fri; or @daily, @hourly, ...");
    f("timezone", timezone).doc("whose clocks it means: Europe/Madrid");
    f("missed", missed)
        .one_of({"skip", "once", "all"})
        .doc("what becomes of firings that nobody was there for");
  }
};
class CronTrigger : public TimeTrigger {
 public:
  using Config = CronConfig;
  static Description describe();
  explicit CronTrigger(const Config& config);

 private:
  std::shared_ptr<const Times> times(std::int64_t first_us) const override;
  std::shared_ptr<const Times> times_;
};

}  // namespace scanflow::triggers
