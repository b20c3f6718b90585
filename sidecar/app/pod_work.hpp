// What a sidecar does beyond watching where it may move files: it brings those that commands name, and, where its
// Pod is the engine's, has the worker run attempts. The connection for files is opened when there is one to move.
#pragma once

#include <zmq.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sidecar/app/config.hpp"
#include "sidecar/bulk/client.hpp"
#include "sidecar/execute/executor.hpp"
#include "sidecar/link/dealer.hpp"
#include "sidecar/loop/loop.hpp"
#include "sidecar/relay/inputs.hpp"
#include "sidecar/relay/relay.hpp"

namespace scanflow::sidecar {

class PodWork {
 public:
  PodWork(Loop& loop, zmq::context_t& context, const Config& config, const std::string& boot_id,
          relay::Relay::Events events);

  /// Null: it has no worker.
  relay::Relay* relay() { return relay_ ? &*relay_ : nullptr; }
  /// The paths, by digest; `then` within this, or later. They stay, for the next command that names them.
  using Brought = std::function<void(const Result<std::map<std::string, std::string>>&)>;
  void bring(std::uint64_t call, const std::vector<execute::Hands::Wanted>& files, Brought then);
  /// Before each wait; when it is due next.
  std::int64_t exchange(std::int64_t now_us);

 private:
  Loop& loop_;
  zmq::context_t& context_;
  const Config& config_;
  const std::function<void(const std::string&)> say_;
  bulk::Client client_;
  relay::Inputs named_;  // by commands
  std::optional<relay::Relay> relay_;
  std::optional<link::Dealer> dealer_;
  Loop::Watch ready_;
};

}  // namespace scanflow::sidecar
