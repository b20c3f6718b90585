// A time as programs read it.
#pragma once

#include <fmt/chrono.h>

#include <cstdint>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string>

namespace scanflow {

/// "2026-07-01T03:00:00Z", of microseconds since 1970-01-01 UTC.
inline std::string utc_text(std::int64_t time_us) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(time_us / 1'000'000));
}

/// "2026-07-01T03:00:00.123456Z", as RFC 3339 writes it.
inline std::string utc_text_us(std::int64_t time_us) {
  std::string text = utc_text(time_us);
  text.insert(text.size() - 1, fmt::format(".{:06}", time_us % 1'000'000));
  return text;
}

/// Microseconds since 1970-01-01 UTC of what RFC 3339 writes; nothing of another text.
inline std::optional<std::int64_t> time_of_utc(const std::string& text) {
  std::tm at{};
  int end = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &at.tm_year, &at.tm_mon, &at.tm_mday,
                  &at.tm_hour, &at.tm_min, &at.tm_sec, &end) != 6)
    return std::nullopt;
  at.tm_year -= 1900;
  at.tm_mon -= 1;
  std::int64_t time_us = std::int64_t{::timegm(&at)} * 1'000'000;
  std::size_t i = static_cast<std::size_t>(end);
  if (i < text.size() && text[i] == '.') {
    std::int64_t unit_us = 100'000;
    for (++i; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i, unit_us /= 10)
      time_us += (text[i] - '0') * unit_us;
  }
  const std::string zone = text.substr(i);
  if (zone == "Z" || zone == "z") return time_us;
  int hours = 0, minutes = 0;
  char sign = 0;
  if (std::sscanf(zone.c_str(), "%c%2d:%2d", &sign, &hours, &minutes) != 3 ||
      (sign != '+' && sign != '-'))
    return std::nullopt;
  const std::int64_t offset_us = (hours * 3600LL + minutes * 60LL) * 1'000'000;
  return time_us - (sign == '+' ? offset_us : -offset_us);
}

}  // namespace scanflow
