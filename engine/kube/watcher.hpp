// Keeps up with all objects of a kind: lists them, then watches for changes from there on; and again, from where it
// was, when a watch ends, or from the list, where the server does not know any more what has changed since.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/kube/client.hpp"

namespace scanflow::kube {

struct Change {
  enum class What { added, modified, deleted };
  What what = What::modified;
  json object;
};

class Watcher {
 public:
  /// On the watcher's thread.
  struct Events {
    /// All there are: who was there when the list was asked for (at `begun_us`, of the client's monotonic clock),
    /// and is not among them, is gone.
    std::function<void(std::vector<json>, std::int64_t begun_us)> listed;
    std::function<void(Change)> changed;
    /// The server could not be asked; it is, until it can. Said once each time.
    std::function<void(const Failure&)> trouble;
    /// It can again, after that.
    std::function<void()> well = {};
  };
  struct What {
    Kind kind;
    std::string name_space;  // empty: all
    Selection selection;
    LeaveOut leave_out = kManaged;
  };
  /// Longest silence of a healthy watch: a bookmark comes each minute.
  static constexpr std::chrono::milliseconds kSilence = std::chrono::seconds(150);

  Watcher(std::shared_ptr<Client> client, What what, Events events,
          std::chrono::milliseconds silence = kSilence);
  /// Nothing is told any more when this returns.
  ~Watcher() = default;

 private:
  enum class Next { again, list, stop };
  void run(const std::stop_token& stop);
  bool list(const std::stop_token& stop);
  Next watch(const std::stop_token& stop);
  Next take(std::string_view line);
  bool pause(const Failure& failure, const std::stop_token& stop);
  void be_well();

  const std::shared_ptr<Client> client_;
  const What what_;
  const Events events_;
  const std::chrono::milliseconds silence_;
  std::string version_;
  int failures_ = 0;  // in a row
  std::jthread thread_;
};

}  // namespace scanflow::kube
