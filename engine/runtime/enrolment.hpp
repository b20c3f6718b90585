// Who a sidecar is that comes with its namespace's key: a token says whose Pod it is, and the cluster vouches for the
// token. What was found out holds for ten minutes, so that sidecars come back fast, and with an API server that is away.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>

#include "engine/hub/peer.hpp"
#include "engine/runtime/cluster.hpp"
#include "sdk/base/clock.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::runtime {

/// What a cluster says of a token.
struct Vouched {
  std::string name_space, pod, pod_uid;  // that it is bound to
  std::string problem;                   // why it is nobody's, or could not be asked; empty: it is
};

class Enrolment {
 public:
  /// Asks the cluster, and blocks.
  using Review = std::function<Vouched(const std::string& token, const std::stop_token& stop)>;

  /// `clock`: monotonic, microseconds.
  explicit Enrolment(Review review, std::function<std::int64_t()> clock = monotonic_us)
      : review_(std::move(review)), clock_(std::move(clock)) {}
  ~Enrolment() {
    stop_.request_stop();
    pool_.join();
  }

  /// For hub::HubEvents: a Pod's own key is enough. [any-thread]
  hub::Entry enters(const hub::SidecarKey& key, const protocol::Hello& hello, std::string& why);

 private:
  struct Known {
    bool asked = false;  // not answered yet
    std::string why;     // it is not let in; empty: it is
    std::int64_t until_us = 0;
  };
  void ask(const std::string& digest, const hub::SidecarKey& key, const protocol::Hello& hello);
  bool has_room(const std::string& user, std::int64_t now_us);

  const Review review_;
  const std::function<std::int64_t()> clock_;
  std::stop_source stop_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;       // by what was said and shown: a digest
  std::map<std::string, unsigned> waiting_;  // not answered yet, by user
  std::int64_t swept_us_ = 0;
  boost::asio::thread_pool pool_{2};  // ends first
};

/// By TokenReview; the cluster is looked for when it is needed first.
Enrolment::Review review_by(const Cluster& cluster);

/// What is wrong with it for a sidecar of that key, which says it is of the Pod of that name; or "".
std::string refusal_of(const Vouched& vouched, const hub::SidecarKey& key, const std::string& pod);

}  // namespace scanflow::runtime
