// What attempts write: a pipe, which the supervisor reads on the way into the log.
//
// Not the log itself: a script that opens /dev/stderr would empty it, that of other attempts
// included; no limit could be kept; and what is secret would be on disk before it is seen.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/worker/loop.hpp"
#include "engine/worker/redactor.hpp"
#include "sdk/base/result.hpp"
#include "sdk/base/unique_fd.hpp"

namespace scanflow::worker {

/// Of one attempt at a time: making one costs as much as a hundredth of a short step. One that
/// others may still have open must not be used again.
class OutputPipe {
 public:
  using Write = std::function<void(std::string_view)>;

  static Result<std::unique_ptr<OutputPipe>> create(Loop& loop);
  ~OutputPipe();
  OutputPipe(const OutputPipe&) = delete;
  OutputPipe& operator=(const OutputPipe&) = delete;

  /// What is written from now on goes to `write`, without the texts in `patterns` (null: as it is).
  void begin(std::shared_ptr<const Patterns> patterns, Write write);
  /// The end to write to. Who does blocks only where the pipe is full; the loop reads it a piece at
  /// a time, so that no attempt keeps it from others.
  int writer() const { return writer_.get(); }
  /// The attempt is done: passes on what is in the pipe now. Whoever writes on all the same cannot
  /// hold this up, and writes to nobody.
  void finish();

 private:
  OutputPipe(Loop& loop, UniqueFd reader, UniqueFd writer);
  /// Passes on at most `limit` bytes of what is there; how many.
  std::size_t read(std::size_t limit);

  Loop& loop_;
  UniqueFd reader_;
  UniqueFd writer_;
  Write write_;                       // null: between attempts
  std::optional<Redactor> redactor_;  // where there is something to redact
  std::string filtered_;
};

}  // namespace scanflow::worker
