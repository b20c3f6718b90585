// The local backend: one thread that speaks with the supervisor.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine/backend/backend.hpp"
#include "engine/backend/supervisor_process.hpp"
#include "sidecar/protocol/stream.hpp"

namespace scanflow::backend {

class LocalBackend final : public Backend {
 public:
  LocalBackend(const Options& options, Sink sink);
  ~LocalBackend() override;

  void launch(std::vector<RequestPtr> requests) override;
  void stop(const protocol::AttemptId& id, const std::string& reason) override;
  Result<protocol::Listing> list() override;
  void acknowledge(const protocol::AttemptId& id) override;
  void reply(const protocol::HostReply& reply) override;

 private:
  using Id = protocol::AttemptId;
  using Lock = std::unique_lock<std::mutex>;

  struct InFlight {
    RequestPtr request;  // null: adopted from an earlier engine
    std::string stop;    // why it shall stop; empty: it shall not
  };
  struct ListCall {
    bool done = false;
    protocol::Listing listing;
    std::string error;
  };

  // --- any thread, under the lock ---
  void send(protocol::Body body);
  void wake();

  // --- the backend's thread ---
  void run();
  bool step(Lock& lock);
  void wait(Lock& lock);
  void connect(Lock& lock);
  void greet();
  void read(Lock& lock);
  void handle(protocol::Body& body, std::vector<Report>& reports);
  void take_listing(protocol::Listing& listing, std::vector<Report>& reports);
  void on_closed(Lock& lock);
  void give_up(Lock& lock, const std::string& cause, const std::string& why);
  void answer_lists(const std::string& error);
  void deliver(Lock& lock, std::vector<Report> reports);

  const Options options_;
  const Sink sink_;

  std::mutex mutex_;  // guards all that follows
  std::condition_variable listed_;
  SupervisorProcess supervisor_;
  protocol::Stream stream_;
  bool wanted_ = false;  // connect, and start a supervisor if none is there
  bool closing_ = false;
  bool greeted_ = false;  // the supervisor has answered on this connection
  bool woken_ = false;
  int disconnects_ = 0;  // in a row, without a message between
  std::map<Id, InFlight> in_flight_;
  std::set<Id> unacknowledged_;       // Ended was reported
  std::vector<Id> acknowledgements_;  // for which no connection was there
  std::deque<ListCall*> list_calls_;  // not asked yet
  std::deque<ListCall*> asked_;       // one per List that was sent; null: nobody waits
  protocol::Listing listing_;         // its parts so far

  int wake_fd_ = -1;
  std::thread thread_;
};

}  // namespace scanflow::backend
