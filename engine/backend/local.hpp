// The local backend: the engine's end of the connection to the supervisor. It lives on the strand,
// since each thread between the end of a step and the start of the next costs a switch.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <map>
#include <memory>
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
  LocalBackend(const Options& options, boost::asio::io_context& strand, Sink sink);
  /// What runs goes on in the supervisor, which outlives this process.
  ~LocalBackend() override;

  void get_ready() override;
  void survey() override;
  void observe(const std::string& hub) override;
  void launch(std::vector<RequestPtr> requests) override;
  void stop(const protocol::AttemptId& id, const std::string& reason) override;
  void acknowledge(const protocol::AttemptId& id) override;
  void forget(const std::vector<protocol::AttemptId>& ids) override;
  void reply(const protocol::HostReply& reply) override;

 private:
  using Id = protocol::AttemptId;

  struct InFlight {
    RequestPtr request;
    std::string stop;  // why it shall stop; empty: it shall not
  };

  bool connected() const { return socket_.is_open(); }
  int fd() { return socket_.native_handle(); }
  void connect();
  bool open();
  void start();
  void on_started(const Result<void>& started);
  void greet();
  void send(protocol::Body body);
  void flush();
  void wait_readable();
  void queue_acknowledgements();
  void arm_acknowledgements();

  void read();
  void handle(protocol::Body& body, std::vector<Report>& reports);
  void on_closed();
  void give_up(const std::string& cause, const std::string& why);
  void deliver(std::vector<Report> reports);
  void tell_strays();

  /// A handler that does nothing once this backend is gone, or its operation was cancelled.
  template <class Call>
  auto guarded(Call call) {
    return [alive = std::weak_ptr<int>(alive_), call](boost::system::error_code error) {
      if (!error && !alive.expired()) call();
    };
  }

  const Options options_;
  const Sink sink_;
  boost::asio::io_context& strand_;
  SupervisorProcess supervisor_;  // of the starter's thread while that runs
  std::thread starter_;
  bool starting_ = false;
  boost::asio::posix::stream_descriptor socket_;
  std::uint64_t connection_ = 0;  // the number of this one
  protocol::Stream stream_;
  bool writing_ = false;  // waits until the socket takes more
  bool greeted_ = false;  // the supervisor has answered on this connection
  int disconnects_ = 0;   // in a row, without a message between
  std::map<Id, InFlight> in_flight_;
  std::set<Id> unacknowledged_;       // Ended was reported
  std::vector<Id> acknowledgements_;  // not sent yet
  std::set<Id> strays_;
  std::string hub_;        // that a sidecar shall speak with; empty: none is needed yet
  bool surveyed_ = false;  // somebody wants to know them
  boost::asio::steady_timer acknowledge_timer_;
  bool acknowledge_armed_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace scanflow::backend
