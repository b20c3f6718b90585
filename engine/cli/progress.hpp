// What a person sees while a run goes on.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/cli/post_mortem_view.hpp"

namespace scanflow::cli {

using nlohmann::json;

/// The state of a run as its updates tell it: no output, no clock.
class RunView {
 public:
  static constexpr std::uint32_t kNone = 0xffffffffu;
  struct Step {
    std::string name, uses, status = "pending";
    std::vector<std::uint32_t> needs;
    std::int64_t started_us = 0, ended_us = 0;
    std::uint32_t attempts = 0;
    std::set<std::uint32_t> in_flight;  // attempts: two where one began beside the other
    bool hedged = false;                // two were
    std::uint32_t instance_of = kNone;  // the step whose for_each it came with
    double fraction = -1;
    std::string message;  // progress while it runs; summary or error when it is over
    Ended ended;          // of an attempt that failed, where its sidecar saw it
    using Series = std::pair<std::string, std::map<std::string, std::string>>;  // name, labels
    std::map<Series, std::vector<double>> metrics;
  };

  /// Gives the indices of steps that are worth a line now: ended, or waiting for a person.
  std::vector<std::uint32_t> update(const json& update);

  const std::string& run() const { return run_; }
  const std::string& pipeline() const { return pipeline_; }
  const std::string& place() const { return place_; }  // "local, 2 at once"
  /// Columns that the longest name will have, of what steps call too.
  std::size_t name_columns() const { return name_columns_; }
  const std::vector<Step>& steps() const { return steps_; }
  std::int64_t created_us() const { return created_us_; }
  std::size_t count(std::string_view status) const;
  std::size_t done() const;
  bool over() const { return over_; }
  bool cancelling() const { return cancelling_; }

  /// Seconds that earlier runs of the same pipeline took for each step: what an estimate is made
  /// from.
  void set_history(std::map<std::string, double> seconds) { history_ = std::move(seconds); }
  /// Microseconds until the end by the critical path, or 0 where too little is known.
  std::int64_t estimate_us(std::int64_t now_us) const;

 private:
  std::vector<std::uint32_t> add_steps(const json& steps);
  bool end_group(std::uint32_t group, std::int64_t time_us);
  std::vector<std::uint32_t> on_event(const json& event);

  std::string run_, pipeline_, place_;
  std::int64_t created_us_ = 0;
  std::size_t name_columns_ = 0;
  std::vector<Step> steps_;
  std::unordered_map<std::string, std::uint32_t> index_;
  std::map<std::string, double> history_;
  bool over_ = false, cancelling_ = false;
};

/// Prints a run: live on a terminal, a line per step into a pipe.
class ProgressPrinter {
 public:
  enum class Style { live, lines, silent };
  /// `fd`: where to print. `place`: place_options() of the commands that it prints.
  ProgressPrinter(Style style, int fd, std::string place = {});
  ~ProgressPrinter();

  RunView& view() { return view_; }
  void update(const json& update);
  /// Redraws what is live, at most ten times a second; call it often.
  void tick();
  /// Erases what is live; printing may go on below what stays.
  void finish();
  void note(const std::string& line);

 private:
  void header();
  std::size_t name_columns() const;
  std::string name_cell(const std::string& name) const;
  void print_step(const RunView::Step& step);
  struct Line {
    std::string text;  // painted
    std::size_t columns;
  };
  std::vector<Line> live_block() const;
  void erase();
  void write(const std::string& text) const;

  Style style_;
  int fd_;
  std::string place_;
  bool color_;
  RunView view_;
  bool header_done_ = false;
  std::size_t names_ = 0;          // columns of the longest name, those of called runs included
  std::vector<std::size_t> live_;  // columns of each line drawn
  std::int64_t drawn_us_ = 0;
};

}  // namespace scanflow::cli
