// A time zone: from when to when its clocks are how far from UTC.
#pragma once

#include <cctz/time_zone.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "sdk/base/result.hpp"

namespace scanflow::schedule {

/// A stretch of time with one offset. Local time = UTC + offset.
struct Period {
  std::chrono::sys_seconds begin;
  std::chrono::sys_seconds end;  // the first second after it
  std::chrono::seconds offset;
};

/// A handle, cheap to copy and valid for the life of the process; all threads may use it.
class Zone {
 public:
  /// By its IANA name ("Europe/Madrid", "UTC"; empty: UTC), from the system's database: the package
  /// tzdata, or the directory that TZDIR names. Nothing is downloaded. A name is read once in the
  /// life of the process: later changes of the database need a restart. An error names the nearest
  /// zones.
  static Result<Zone> find(std::string_view name);

  const std::string& name() const { return name_; }

  /// The offset at `time`, from then (`begin` is `time`) until it changes, for years 1 to 2350:
  /// beyond the changes that the database lists, its rule for the future goes on.
  Period period_from(std::chrono::sys_seconds time) const;

 private:
  Zone(std::string name, cctz::time_zone zone) : name_(std::move(name)), zone_(zone) {}

  std::string name_;
  cctz::time_zone zone_;
};

}  // namespace scanflow::schedule
