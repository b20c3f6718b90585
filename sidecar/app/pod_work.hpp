// What a sidecar does beyond watching where its Pod is the engine's: it has the worker run attempts, and
// moves their files. The connection for these is opened when there is something to move.
#pragma once

#include <zmq.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "sidecar/app/config.hpp"
#include "sidecar/bulk/client.hpp"
#include "sidecar/link/dealer.hpp"
#include "sidecar/loop/loop.hpp"
#include "sidecar/relay/relay.hpp"

namespace scanflow::sidecar {

class PodWork {
 public:
  PodWork(Loop& loop, zmq::context_t& context, const Config& config, const std::string& boot_id,
          relay::Relay::Events events);

  relay::Relay& relay() { return relay_; }
  /// Before each wait; when it is due next.
  std::int64_t exchange(std::int64_t now_us);

 private:
  Loop& loop_;
  zmq::context_t& context_;
  const Config& config_;
  const std::function<void(const std::string&)> say_;
  bulk::Client client_;
  relay::Relay relay_;
  std::optional<link::Dealer> dealer_;
  Loop::Watch ready_;
};

}  // namespace scanflow::sidecar
