// Commands for one attempt, carried out one after the other on a thread of their own: a slow one
// holds up neither a cancel nor whoever listens.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "sidecar/protocol/messages.hpp"

namespace scanflow::worker {

class CommandQueue {
 public:
  static constexpr std::size_t kMaxWaiting = 64;
  using Execute = std::function<protocol::StepAnswer(const protocol::StepCommand&)>;
  using Answer = std::function<void(protocol::StepAnswer)>;

  /// execute: carries one out; blocks. answer: takes each answer. Both on the queue's thread, answer
  /// also within add() and close().
  CommandQueue(Execute execute, Answer answer)
      : execute_(std::move(execute)), answer_(std::move(answer)) {}
  ~CommandQueue() { close(); }

  /// The first one starts the thread. [any-thread]
  void add(protocol::StepCommand command);
  /// The step is there: those that wait can be carried out. [any-thread]
  void open();
  /// The step has ended: waits for the one that is being carried out, and refuses what waits and
  /// whatever comes. [one thread]
  void close();

 private:
  void work();

  const Execute execute_;
  const Answer answer_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<protocol::StepCommand> waiting_;
  bool open_ = false;
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace scanflow::worker
