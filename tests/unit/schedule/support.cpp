#include "tests/unit/schedule/support.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <time.h>

#include <cstdlib>
#include <limits>
#include <stdexcept>

namespace scanflow::schedule {

Schedule make(const std::string& expression, const std::string& zone) {
  const auto cron = Cron::parse(expression);
  if (!cron) throw std::invalid_argument(cron.error().message);
  const auto found = Zone::find(zone);
  if (!found) throw std::invalid_argument(found.error().message);
  return {*cron, *found};
}

std::int64_t utc_us(const std::string& text) {
  tm time{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%d %H:%M", &time);
  if (end != nullptr && *end == ':') end = ::strptime(end, ":%S", &time);
  if (end == nullptr || *end != '\0') throw std::invalid_argument(text);
  return static_cast<std::int64_t>(::timegm(&time)) * 1'000'000;
}

std::string local_text(const Zone& zone, std::int64_t us) {
  const std::chrono::sys_seconds time{std::chrono::seconds(us / 1'000'000)};
  const std::int64_t offset = zone.period_from(time).offset.count();
  const tm shown = fmt::gmtime(static_cast<time_t>(us / 1'000'000 + offset));
  return fmt::format("{:%Y-%m-%d %H:%M}{}{}{:02}:{:02}", shown,
                     shown.tm_sec == 0 ? "" : fmt::format(":{:02}", shown.tm_sec),
                     offset < 0 ? '-' : '+', std::abs(offset) / 3600, std::abs(offset) / 60 % 60);
}

std::vector<std::string> next_texts(const Schedule& schedule, const std::string& after_utc,
                                    std::size_t count) {
  std::vector<std::string> texts;
  for (const std::int64_t us :
       firings(schedule, utc_us(after_utc), std::numeric_limits<std::int64_t>::max(), count)) {
    texts.push_back(local_text(schedule.zone, us));
  }
  return texts;
}

}  // namespace scanflow::schedule
