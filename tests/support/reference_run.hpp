// What a run should do, said as simply as it can be: no queues, no counters, no order of work.
// Whatever follows is found anew each time by looking at all steps, so that the state machine,
// which keeps all of that up to date as it goes, has something to be compared with.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/pipeline/plan.hpp"
#include "engine/run/event.hpp"

namespace scanflow::support {

class ReferenceRun {
 public:
  explicit ReferenceRun(std::shared_ptr<const pipeline::Plan> plan);

  /// Something that comes from outside: an answer, the end of an attempt, a request to cancel.
  void take(const run::Event& event);
  /// The engine has died, and another one goes on.
  void crash();

  /// Everything that must follow now, as sorted lines: events ("attempt_started a #1"), and what is
  /// asked of others beside them ("resolve a", "stop a(timeout)"). `free`: attempts that may start.
  std::vector<std::string> decide(std::int64_t now_us, std::uint32_t free);
  /// When it wants to decide again; 0: after the next event.
  std::int64_t wake_us() const;

  /// The same line for an event that the machine has decided.
  static std::string line(const run::Event& event, const std::string& id);

 private:
  using Cause = pipeline::Cause;
  using Phase = pipeline::Phase;
  enum class At { open, awaiting, waiting, expanded, running, ended };
  enum class End { none, succeeded, cached, skipped, failed, cancelled };

  struct Flight {
    std::uint32_t attempt;
    std::int64_t started_us;
    Cause stopping = Cause::none;
    bool stop_asked = false;
  };
  struct Step {
    std::string id;
    const pipeline::Step* spec;
    std::vector<std::size_t> needs;
    std::size_t longest = 0;           // steps on the longest way to an end
    std::optional<std::size_t> whole;  // whose instance it is
    std::vector<std::size_t> instances;
    At at = At::open;
    End end = End::none;
    Cause failed = Cause::none;   // the attempt before
    std::vector<Flight> flights;  // also of one that has ended
    std::uint32_t attempts = 0, hedges = 0;
    std::optional<std::int64_t> retry_us, answer_us;  // when the wait is over; the default holds
    bool resolved = false, asked = false, approved = false, hedge_wanted = false;
  };

  // What holds now.
  bool good(const Step& step) const;  // done, for those that need it
  bool bad(const Step& step) const;
  bool over(Phase phase) const;
  bool any_bad_in_main() const;
  std::optional<Phase> phase() const;  // nothing: all are over
  bool closed() const;
  bool cancelling() const;  // the current phase
  bool ready(const Step& step) const;
  bool launchable(const Step& step) const;
  std::size_t running() const;    // steps
  std::size_t in_flight() const;  // attempts
  std::size_t running_of(const pipeline::Step* spec) const;
  bool has_expressions(const Step& step) const;

  // Each finds the next thing that must follow, and does it; false: nothing does.
  bool a_timer_fires();
  bool the_run_fails_fast();
  bool something_is_superseded();
  bool something_is_stopped();
  bool something_is_cancelled();
  bool something_is_given_up();
  bool a_handler_is_skipped();
  bool a_retry_is_scheduled();
  bool an_approval_is_asked_for();
  bool an_expression_is_asked_for();
  bool an_attempt_starts();
  bool a_stop_is_handed_out();
  bool the_run_ends();

  void end(std::size_t step, End how);
  void decided(const run::Event& event);
  void stop(std::size_t step, Flight& flight, Cause cause);

  std::shared_ptr<const pipeline::Plan> plan_;
  std::vector<Step> steps_;
  std::int64_t created_us_ = 0, now_us_ = 0;
  std::uint32_t free_ = 0;
  bool cancelled_ = false, main_cancelled_ = false, timed_out_ = false;
  Cause cancel_cause_ = Cause::none;
  std::set<Phase> cancelled_phases_;
  bool ended_ = false;
  std::vector<std::string> said_;
};

}  // namespace scanflow::support
