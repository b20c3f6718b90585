// The events of a run as server-sent events: what is recorded already, then what happens, to the
// end. Each recorded one has its number as id, so that a client that was cut off goes on after it.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "engine/api/messages.hpp"
#include "engine/api/runs.hpp"
#include "engine/http/server.hpp"
#include "engine/runtime/engine.hpp"

namespace scanflow::api {

/// What streams and handlers share. Belongs to the HTTP thread, but for what says otherwise.
struct Shared {
  explicit Shared(http::Server& server, std::unique_ptr<Runs> stored)
      : http(server), runs(std::move(stored)) {}
  http::Server& http;
  const std::unique_ptr<Runs> runs;    // asked on the pool
  boost::asio::thread_pool pool{2};    // [any-thread]
  boost::asio::thread_pool asking{4};  // of what asks agents, before a run begins
  runtime::Engine* engine = nullptr;   // null: there is none yet, or none any more
};

/// Belongs to the HTTP thread.
class EventStream : public Stream, public std::enable_shared_from_this<EventStream> {
 public:
  /// Of what follows the event with number `after`; nothing: of what happens from now on.
  EventStream(Shared& shared, std::string run, std::optional<std::int64_t> after)
      : shared_(shared), run_(std::move(run)), after_(after) {}

  void next(std::function<void(std::string piece)> then) override;
  std::string heartbeat() const override { return ": alive\n\n"; }

 private:
  /// Recorded events are read, page by page, before the run is followed; what came in between is
  /// read once it is.
  enum class Phase { history, attaching, gap, live, over };

  void go_on();
  void read_page();
  struct Page {
    std::string problem;
    json events = json::array();
    bool last = true;
    json result;  // of a run that was over before the events were read
  };
  Page page_after(std::int64_t seq) const;  // [any-thread]
  void on_page(const Page& page);
  void attach();
  void on_update(const runtime::Update& update);
  void on_accepted(const json& update);
  void say(const std::string& event, const json& data, std::int64_t seq = 0);
  void say_live(const json& update);
  void drop();
  void end() { phase_ = Phase::over; }

  Shared& shared_;
  const std::string run_;
  std::optional<std::int64_t> after_;  // the last one said; nothing: whichever is
  Phase phase_ = Phase::history;
  std::int64_t gap_end_ = 0;
  bool reading_ = false;
  std::string out_;                      // said, but not taken yet
  std::size_t most_ = 0;                 // bytes that may lie in it
  std::deque<runtime::Update> pending_;  // until the gap is read
  std::function<void(std::string)> then_;
};

}  // namespace scanflow::api
