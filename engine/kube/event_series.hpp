// What an API server is told of what happens to objects, as Events (events.k8s.io/v1): the same one again within six
// minutes is counted in the first, and an object has a budget, so that a storm is not written. The rules are
// client-go's. Pure; it is told the time.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "engine/kube/kind.hpp"
#include "engine/kube/limiter.hpp"
#include "engine/kube/lru.hpp"

namespace scanflow::kube {

/// An object, as an Event names it.
struct Regarded {
  Kind kind;
  std::string name_space, name;  // the namespace empty where its kind has none
  std::string uid = {};          // by which `kubectl describe` finds it
};

struct Event {
  Regarded regarding;
  std::optional<Regarded> related = {};
  bool warning = false;
  std::string
      reason;  // why, for programs: "ScaleDone"; as is `action`, at most 128 bytes and not empty
  std::string action;  // what was done: "scale"
  std::string note;    // for a person; it is shown to whoever may read Events: no secrets
};

/// Who writes them.
struct Reporter {
  std::string controller = "scanflow.dev/engine";
  std::string instance;  // "scanflow-HOST"; at most 128 bytes, and not empty
};

/// When something happened. Microseconds.
struct Moment {
  std::int64_t monotonic_us = 0;
  std::int64_t wall_us = 0;  // since 1970-01-01 UTC
};

/// What is to be written.
struct EventWrite {
  std::string name_space, name;  // of the Event
  nlohmann::json object;         // all of it, its series too
  bool again = false;            // it was written before: its series alone has changed
};

/// One line of printable UTF-8, of at most `bytes`.
std::string event_note(std::string text, std::size_t bytes = 1024);

class EventSeries {
 public:
  static constexpr std::int64_t kSameUs = 360'000'000;
  /// Of an object: so many at once, and one more every five minutes.
  static constexpr Rate kBudget{.per_s = 1.0 / 300, .burst = 25};

  explicit EventSeries(Reporter reporter, std::size_t most = 4096);

  /// Nothing: the object's budget is spent. It is counted in its series nevertheless.
  std::optional<EventWrite> take(const Event& event, const Moment& now);

 private:
  struct Series {
    std::string name;
    nlohmann::json object;
    std::int64_t last_us = 0;  // monotonic
    std::int64_t count = 1;
  };
  Series begin(const Event& event, const std::string& note, const Moment& now);

  const Reporter reporter_;
  std::int64_t last_ns_ = 0;  // in a name
  Lru<Series> series_;
  Lru<Limiter> budgets_;  // of objects
};

}  // namespace scanflow::kube
