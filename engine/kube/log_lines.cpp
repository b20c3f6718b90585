#include "engine/kube/log_lines.hpp"

#include <algorithm>
#include <utility>

#include "sdk/base/utc.hpp"

namespace scanflow::kube {
namespace {

/// "2026-07-01T03:00:00.123456789+02:00" and a blank.
constexpr std::size_t kMostHead = 64;

}  // namespace

void LogLines::add(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t newline = bytes.find('\n');
    const bool ends = newline != std::string_view::npos;
    add_part(bytes.substr(0, newline), ends);
    bytes.remove_prefix(ends ? newline + 1 : bytes.size());
  }
}

void LogLines::add_part(std::string_view part, bool ends) {
  do {
    const std::size_t room = (headed_ ? kMostPiece : kMostHead) - rest_.size();
    const std::string_view taken = part.substr(0, room);
    rest_.append(taken);
    part.remove_prefix(taken.size());
    const bool whole = ends && part.empty();
    if (!headed_ && (whole || rest_.size() == kMostHead)) read_head();
    if (headed_ && rest_.size() == kMostPiece && !whole) pass_on(true);
  } while (!part.empty());
  if (ends) end_line();
}

/// What comes before the first blank is its time, if it is one.
void LogLines::read_head() {
  headed_ = true;
  const std::size_t blank = rest_.find(' ');
  const std::string word = rest_.substr(0, blank);
  const auto time_us = time_of_utc(word);
  if (!time_us) return;
  time_ = word;
  time_us_ = *time_us;
  rest_.erase(0, blank == std::string::npos ? blank : blank + 1);
  skips_ = passed_over(time_us_);
  if (skips_ || torn_time_.empty()) return;
  // The one that was torn is the first that is not passed over.
  if (torn_time_ == time_) had_ = torn_;
  torn_time_.clear();
}

bool LogLines::passed_over(std::int64_t time_us) {
  if (again_ == Again::before && time_us >= last_us_) {
    again_ = Again::same;
    left_ = lines_;
  }
  if (again_ == Again::before) return true;
  if (again_ == Again::same && left_ > 0 && time_us <= last_us_) {
    --left_;
    return true;
  }
  again_ = Again::no;  // or what was counted is gone: the log was rotated
  return false;
}

void LogLines::pass_on(bool goes_on) {
  const std::size_t known = std::min(had_ - std::min(had_, offset_), rest_.size());
  const std::string_view text = std::string_view(rest_).substr(known);
  if (!skips_ && (!text.empty() || !goes_on)) take_({time_, text, goes_on});
  offset_ += rest_.size();
  rest_.clear();
}

void LogLines::end_line() {
  if (!headed_) read_head();
  pass_on(false);
  if (!skips_ && !time_.empty()) {
    if (time_us_ > last_us_) {
      last_us_ = time_us_;
      lines_ = 0;
    }
    ++lines_;
  }
  headed_ = skips_ = false;
  time_.clear();
  offset_ = had_ = 0;
}

void LogLines::begin_again() {
  if (headed_ && !skips_ && !time_.empty() && std::max(offset_, had_) > 0) {
    torn_ = std::max(offset_, had_);
    torn_time_ = time_;
  }
  rest_.clear();
  headed_ = skips_ = false;
  time_.clear();
  offset_ = had_ = 0;
  again_ = last_us_ < 0 ? Again::no : Again::before;
}

void LogLines::end() {
  if (headed_ || !rest_.empty()) end_line();
}

std::string LogLines::since() const { return last_us_ < 0 ? "" : utc_text(last_us_); }

}  // namespace scanflow::kube
