// What an attempt with secrets writes: a pipe, read and filtered by the supervisor on the way into
// the log.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "engine/worker/loop.hpp"
#include "engine/worker/redactor.hpp"
#include "engine/worker/unique_fd.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::worker {

class OutputPipe {
 public:
  using Write = std::function<void(std::string_view)>;

  /// write: gets what may be seen. The writer blocks only when the pipe is full, which is read by
  /// the loop, a piece at a time so that no attempt keeps it from others.
  static Result<std::unique_ptr<OutputPipe>> create(Loop& loop,
                                                    std::shared_ptr<const Patterns> patterns,
                                                    Write write);
  ~OutputPipe();
  OutputPipe(const OutputPipe&) = delete;
  OutputPipe& operator=(const OutputPipe&) = delete;

  /// The writer's end, to be handed over once.
  UniqueFd take_writer() { return std::move(writer_); }
  /// The writer is done: reads what is in the pipe now, and closes it. One that writes on all the
  /// same cannot hold this up.
  void finish();

 private:
  OutputPipe(Loop& loop, std::shared_ptr<const Patterns> patterns, Write write, UniqueFd reader,
             UniqueFd writer);
  /// Passes on at most `limit` bytes of what is there; how many: 0 where the last writer is gone.
  std::size_t read(std::size_t limit);
  void close();

  Loop& loop_;
  Redactor redactor_;
  Write write_;
  UniqueFd reader_;
  UniqueFd writer_;
  std::string filtered_;
};

}  // namespace scanflow::worker
