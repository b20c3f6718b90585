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
#include "sidecar/protocol/messages.hpp"

namespace scanflow::runtime {

/// What a cluster says of a token.
struct Vouched {
  std::string name_space, pod_uid;  // of the Pod that it is bound to
  std::string problem;              // why it is nobody's, or could not be asked; empty: it is
};

class Enrolment {
 public:
  /// Asks the cluster, and blocks.
  using Review = std::function<Vouched(const std::string& token, const std::stop_token& stop)>;

  explicit Enrolment(Review review) : review_(std::move(review)) {}
  ~Enrolment() {
    stop_.request_stop();
    pool_.join();
  }

  /// For hub::HubEvents: a Pod's own key is enough. [any-thread]
  hub::Entry enters(const hub::SidecarKey& key, const protocol::Hello& hello, std::int64_t now_us,
                    std::string& why);

 private:
  struct Known {
    std::string digest;  // of its token
    bool asked = false;  // not answered yet
    std::string why;     // it is not let in; empty: it is
    std::int64_t until_us = 0;
  };
  void ask(const hub::SidecarKey& key, const std::string& token, std::int64_t now_us);

  const Review review_;
  std::stop_source stop_;
  std::mutex mutex_;
  std::map<hub::SidecarKey, Known> known_;
  boost::asio::thread_pool pool_{1};  // ends first
};

/// By TokenReview; the cluster is looked for when it is needed first.
Enrolment::Review review_by(const Cluster& cluster);

/// What is wrong with it for a sidecar of that key, or "".
std::string refusal_of(const Vouched& vouched, const hub::SidecarKey& key);

}  // namespace scanflow::runtime
