#include "plugins/triggers/time/times.hpp"

#include <cctz/civil_time.h>
#include <cctz/time_zone.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <stdexcept>

#include "engine/schedule/due.hpp"
#include "engine/schedule/schedule.hpp"

namespace scanflow::triggers {
namespace {

constexpr std::int64_t kMost = 100;
constexpr std::int64_t kOnTimeUs = 60'000'000;  // a firing that is later was missed

template <class T>
T or_throw(Result<T> result) {
  if (!result) throw std::invalid_argument(result.error().message);
  return std::move(*result);
}

/// Evenly spread over 64 bits. Source: Vigna's SplitMix64 (prng.di.unimi.it/splitmix64.c).
std::uint64_t mixed(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

class IntervalTimes : public Times {
 public:
  explicit IntervalTimes(const Interval& of) : of_(of) {}

  std::vector<std::int64_t> due(Missed missed, std::int64_t since_us,
                                std::int64_t now_us) const override {
    std::vector<std::int64_t> found;
    if (now_us <= since_us || now_us < of_.begin_us) return found;
    const std::int64_t last = (now_us - of_.begin_us) / of_.every_us;
    for (std::int64_t k = last; k >= 0 && static_cast<std::int64_t>(found.size()) < kMost; --k) {
      const std::int64_t at_us = time(k);
      if (at_us > now_us || past_end(at_us)) continue;
      if (at_us <= since_us) break;
      found.push_back(at_us);
    }
    std::reverse(found.begin(), found.end());
    if (found.empty() || missed == Missed::all) return found;
    found.erase(found.begin(), found.end() - 1);
    const bool on_time = now_us - found[0] <= std::min(kOnTimeUs, of_.every_us);
    if (missed == Missed::skip && !on_time) found.clear();
    return found;
  }

  std::optional<std::int64_t> next_after(std::int64_t now_us) const override {
    std::int64_t k = now_us < of_.begin_us
                         ? 0
                         : std::max<std::int64_t>(0, (now_us - of_.begin_us) / of_.every_us - 1);
    while (time(k) <= now_us) ++k;
    if (past_end(time(k))) return std::nullopt;
    return time(k);
  }

 private:
  std::int64_t time(std::int64_t k) const {
    const auto late =
        of_.jitter_us == 0
            ? 0
            : static_cast<std::int64_t>(mixed(of_.seed + static_cast<std::uint64_t>(k)) %
                                        static_cast<std::uint64_t>(of_.jitter_us));
    return of_.begin_us + k * of_.every_us + late;
  }
  bool past_end(std::int64_t time_us) const { return of_.end_us && time_us > *of_.end_us; }

  const Interval of_;
};

class OneTime : public Times {
 public:
  explicit OneTime(std::int64_t moment_us) : moment_us_(moment_us) {}
  std::vector<std::int64_t> due(Missed missed, std::int64_t since_us,
                                std::int64_t now_us) const override {
    if (moment_us_ <= since_us || moment_us_ > now_us) return {};
    if (missed == Missed::skip && now_us - moment_us_ > kOnTimeUs) return {};
    return {moment_us_};
  }
  std::optional<std::int64_t> next_after(std::int64_t now_us) const override {
    return now_us < moment_us_ ? std::optional(moment_us_) : std::nullopt;
  }

 private:
  const std::int64_t moment_us_;
};

class CronTimes : public Times {
 public:
  explicit CronTimes(schedule::Schedule of) : of_(std::move(of)) {}
  std::vector<std::int64_t> due(Missed missed, std::int64_t since_us,
                                std::int64_t now_us) const override {
    const auto catch_up = missed == Missed::skip   ? schedule::CatchUp::none
                          : missed == Missed::once ? schedule::CatchUp::last
                                                   : schedule::CatchUp::all;
    return schedule::due(of_, {catch_up, 0}, since_us, now_us);
  }
  std::optional<std::int64_t> next_after(std::int64_t now_us) const override {
    return schedule::next_after(of_, now_us);
  }

 private:
  const schedule::Schedule of_;
};

}  // namespace

std::unique_ptr<Times> times_of(const Interval& interval) {
  return std::make_unique<IntervalTimes>(interval);
}
std::uint64_t seed_of(std::string_view text) {
  std::uint64_t seed = text.size();
  for (const char letter : text) seed = mixed(seed ^ static_cast<unsigned char>(letter));
  return seed;
}
std::unique_ptr<Times> times_of(std::int64_t moment_us) {
  return std::make_unique<OneTime>(moment_us);
}
std::unique_ptr<Times> times_of(const std::string& cron, const std::string& zone) {
  return std::make_unique<CronTimes>(schedule::Schedule{or_throw(schedule::Cron::parse(cron)),
                                                        or_throw(schedule::Zone::find(zone))});
}
void check_zone(const std::string& zone) { (void)or_throw(schedule::Zone::find(zone)); }

std::int64_t parse_moment(const std::string& text, const std::string& zone) {
  cctz::time_zone local;
  check_zone(zone);
  cctz::load_time_zone(zone.empty() ? "UTC" : zone, &local);
  // An offset in the text goes over the zone.
  constexpr std::array kForms = {"%Y-%m-%dT%H:%M:%E*S%Ez", "%Y-%m-%dT%H:%M:%E*S", "%Y-%m-%dT%H:%M",
                                 "%Y-%m-%d %H:%M:%E*S",    "%Y-%m-%d %H:%M",      "%Y-%m-%d"};
  for (const char* form : kForms) {
    cctz::time_point<std::chrono::microseconds> time;
    if (cctz::parse(form, text, local, &time)) return time.time_since_epoch().count();
  }
  throw std::invalid_argument(fmt::format(
      "'{}' is no time: 2026-03-01T06:00:00Z, 2026-03-01 06:00 (in 'timezone') and 2026-03-01 are",
      text));
}

}  // namespace scanflow::triggers
