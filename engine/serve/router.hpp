// Hands requests on to the replicas of a service: to the one with the fewest on their way; to its backup
// while no other is able to take them. Bounded; what a replica loses by ending goes to another, once. All of
// it belongs to the thread of its server.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "engine/http/server.hpp"
#include "engine/http/upstream.hpp"

namespace scanflow::serve {

struct RouterLimits {
  std::size_t requests = 256;  // on their way, at most: past them 429
  std::chrono::milliseconds timeout = std::chrono::seconds(30);  // of a request that says none
  unsigned retries = 1;  // of one whose replica has ended before it answered
  std::uint64_t answer_bytes = 256u << 20;
};

class Router : public std::enable_shared_from_this<Router> {
 public:
  /// To be let go before the server ends.
  static std::shared_ptr<Router> make(http::Server& server, RouterLimits limits) {
    return std::shared_ptr<Router>(new Router(server, limits));
  }

  /// A replica takes requests from now on.
  void add(const std::string& id, const std::string& address, bool backup = false);
  /// Whether it answers its supervisor. While it does not, the others are preferred.
  void doubt(const std::string& id, bool doubted);
  /// It takes no more; `then` is called when nothing is on its way there any more, be it at once.
  void retire(const std::string& id, std::function<void()> then);
  /// It is gone, with what was on its way there.
  void remove(const std::string& id);
  void set_limits(const RouterLimits& limits) { limits_ = limits; }
  std::size_t ready() const;  // replicas that take requests, without backups
  std::size_t backups_ready() const;
  /// No other is ready, or answers its supervisor.
  bool backup_answers() const { return backup_answers_; }
  std::uint64_t backup_requests() const { return backup_requests_; }  // that one was given
  /// Called when that changes; null: nobody is.
  void on_switch(std::function<void(bool backup_answers)> call) { on_switch_ = std::move(call); }
  std::size_t on_their_way() const { return open_; }  // those that wait for a replica, too
  /// How long all requests together have been on their way until now, in microseconds.
  std::uint64_t busy_us(std::int64_t now_us) const;
  std::uint64_t retried() const { return retried_; }  // requests, by another replica

  void forward(http::Request request, const http::Reply& reply);

 private:
  struct Replica {
    std::string id;
    std::unique_ptr<http::Upstream> upstream;
    std::size_t requests = 0;
    std::function<void()> when_free = nullptr;  // it is retired
    bool suspect = false;                       // it did not answer lately
    bool backup = false, doubted = false;
  };
  struct Ask {
    http::Onward onward;
    http::Reply reply;
    std::chrono::steady_clock::time_point deadline;
    unsigned tries = 0;
    std::string not_to;           // the replica that lost it
    bool keeps_deadline = false;  // the last of its headers says how much time is left
  };
  using Asked = std::shared_ptr<Ask>;

  Router(http::Server& server, RouterLimits limits) : server_(server), limits_(limits) {}

  void dispatch(const Asked& ask);
  Replica* choose(const std::string& not_to);
  void send(Replica& replica, const Asked& ask);
  void on_answer(const std::string& id, const Asked& ask,
                 tl::expected<http::Response, http::NotReached> answer);
  void suspect(Replica& replica);
  void wait(const Asked& ask);
  void serve_waiting();
  void answer(const Asked& ask, http::Response response);
  void set_open(std::size_t count);
  Replica* find(const std::string& id);
  std::size_t how_many(bool backup, bool also_doubted) const;
  void note_who_answers();

  http::Server& server_;
  RouterLimits limits_;
  std::list<Replica> replicas_;
  std::deque<Asked> waiting_;  // for a replica
  std::size_t open_ = 0;
  std::uint64_t busy_us_ = 0;    // until the last time that open_ changed,
  std::int64_t changed_us_ = 0;  // which was then
  std::uint64_t retried_ = 0, backup_requests_ = 0;
  bool backup_answers_ = false;
  std::function<void(bool)> on_switch_;
};

}  // namespace scanflow::serve
