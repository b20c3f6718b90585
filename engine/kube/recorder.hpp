// Writes Events on objects. They are best effort: what cannot be written is counted, and nothing else fails for it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <thread>

#include "engine/kube/client.hpp"
#include "engine/kube/event_series.hpp"

namespace scanflow::kube {

/// This process on this machine: "scanflow-HOST".
Reporter usual_reporter();

/// One Event after the other, while the caller waits. Of one thread. The client must outlive it.
class EventWriter {
 public:
  explicit EventWriter(Client& client, Reporter reporter = usual_reporter())
      : client_(client), series_(std::move(reporter)) {}

  Moment now() const;
  /// "NAMESPACE/NAME" of the Event; empty: its object's budget is spent. Failure: it was not written, for all that
  /// was asked again; `patience` is for all of that.
  Answer<std::string> write(const Event& event, const Moment& when,
                            std::chrono::milliseconds patience, const std::stop_token& stop = {});

 private:
  Client& client_;
  EventSeries series_;
};

/// The same in the background. record() [any-thread].
class Recorder {
 public:
  struct Options {
    Reporter reporter = usual_reporter();
    std::size_t most_waiting = 1000;  // beyond it the oldest are dropped
    std::chrono::milliseconds patience = std::chrono::seconds(10);  // for each
    std::chrono::milliseconds flush = std::chrono::seconds(3);      // at the end, for all
    /// A line, on the recorder's thread: why Events are not written. Once for each status of HTTP.
    std::function<void(const std::string& line)> trouble = {};
  };
  struct Counts {
    std::uint64_t written = 0;
    std::uint64_t dropped = 0;  // by an object's budget, by the queue, or at the end
    std::uint64_t failed = 0;
  };

  explicit Recorder(std::shared_ptr<Client> client, Options options);
  explicit Recorder(std::shared_ptr<Client> client) : Recorder(std::move(client), Options()) {}
  /// Waits until what was recorded is written, for as long as `flush`; the rest is dropped.
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// Never blocks for the server, never throws.
  void record(Event event) noexcept;
  Counts counts() const;

 private:
  struct Waiting {
    Event event;
    Moment when;
  };
  void run(const std::stop_token& stop);
  std::optional<Waiting> next(const std::stop_token& stop);
  void write(const Waiting& waiting, const std::stop_token& stop);

  const std::shared_ptr<Client> client_;
  const Options options_;
  EventWriter writer_;  // of the thread
  std::set<int> said_;  // of the thread
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // Of the mutex.
  std::deque<Waiting> waiting_;
  Counts counts_;
  bool ending_ = false, ended_ = false;
  std::jthread thread_;
};

}  // namespace scanflow::kube
