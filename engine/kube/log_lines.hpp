// The lines of a container's log, which a kubelet gives with their times, over connections that may break: each is
// passed on once. Memory is bounded, however long a line is. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace scanflow::kube {

/// A line without its line break, or a piece of one. Bytes as they were written: a piece may end within a character.
struct LogLine {
  std::string_view time;  // as RFC 3339 writes it; empty: it has none, it is the kubelet's own
  std::string_view text;
  bool goes_on = false;  // another piece of the same line follows
};

class LogLines {
 public:
  using Take = std::function<void(const LogLine&)>;
  static constexpr std::size_t kMostPiece = std::size_t{64} << 10;

  /// `take`: during add() and end().
  explicit LogLines(Take take) : take_(std::move(take)) {}

  /// What was read, of any size.
  void add(std::string_view bytes);
  /// The connection is over, and another one begins at since(): what was passed on already is passed over there.
  void begin_again();
  /// There is no more: what has come of the last line is all of it.
  void end();

  /// From when to ask again: whole seconds, as an API server passes on no others; empty: no line was read.
  std::string since() const;

 private:
  /// Of the lines that come again: those before the last time, then those of it, which are counted.
  enum class Again { no, before, same };

  void add_part(std::string_view part, bool ends);
  void read_head();
  bool passed_over(std::int64_t time_us);
  void pass_on(bool goes_on);
  void end_line();

  const Take take_;
  // The line that is being read.
  std::string rest_;          // of it, not passed on yet
  bool headed_ = false;       // its time is read
  bool skips_ = false;        // it was passed on before
  std::string time_;          // "": it has none
  std::int64_t time_us_ = 0;  // since 1970-01-01 UTC
  std::size_t offset_ = 0;    // of `rest_` in its text
  std::size_t had_ = 0;       // of its text, passed on before the connection broke
  // A line that was passed on in part.
  std::string torn_time_;
  std::size_t torn_ = 0;  // bytes of its text
  // What was passed on.
  std::int64_t last_us_ = -1;  // the latest time; below 0: none
  std::uint64_t lines_ = 0;    // from the first one of that time on
  Again again_ = Again::no;
  std::uint64_t left_ = 0;  // to be passed over
};

}  // namespace scanflow::kube
