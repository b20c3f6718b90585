// A watch: events of one resource, as a client's selector sees them, one JSON document a line.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "engine/http/message.hpp"
#include "tests/support/kube/selector.hpp"
#include "tests/support/kube/store.hpp"

namespace scanflow::test::kube {

struct WatchRequest {
  const Resource* resource = nullptr;
  Selector selector = {};
  std::string version = {};  // "" and "0": what is there now comes first, as ADDED
  bool bookmarks = false;
  bool initial_events = false;  // ends what comes first with a bookmark that says so
};

/// Of the store's lock; next() is the HTTP thread's.
class WatchStream : public http::Stream, public Listener {
 public:
  /// Registered from now on. A version that is forgotten begins (and ends) it with an ERROR.
  WatchStream(Store& store, std::recursive_mutex& lock, WatchRequest request);
  ~WatchStream() override;

  void next(std::function<void(std::string)> then) override;
  void on_event(const Told& event) override;
  /// Where it was allowed.
  void bookmark();
  /// Cleanly, after what is queued. `torn`: in the middle of a line.
  void end(bool torn = false);
  /// As if its version were forgotten: an ERROR of 410, and the end.
  void expire();

 private:
  void begin();
  void say(const char* type, const std::string& object);
  void say_bookmark(bool initial_events_end);
  /// What is queued, where somebody waits for it.
  void hand_over();

  Store& store_;
  std::recursive_mutex& lock_;
  const WatchRequest request_;
  std::deque<std::string> queued_;
  std::function<void(std::string)> then_;
  bool ended_ = false;
};

}  // namespace scanflow::test::kube
