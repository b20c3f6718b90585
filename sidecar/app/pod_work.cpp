#include "sidecar/app/pod_work.hpp"

#include <algorithm>
#include <utility>

#include "sidecar/bulk/sodium_hasher.hpp"

namespace scanflow::sidecar {
namespace {

constexpr std::int64_t kTryAgainUs = 5'000'000;

}  // namespace

PodWork::PodWork(Loop& loop, zmq::context_t& context, const Config& config,
                 const std::string& boot_id, relay::Relay::Events events)
    : loop_(loop),
      context_(context),
      config_(config),
      say_(events.say),
      client_({config.pod_uid, boot_id}, bulk::sodium_hasher),
      named_(config.directory + "/named", client_) {
  if (config.worker.empty()) return;
  relay_.emplace(
      loop,
      relay::RelayOptions{config.worker, config.directory, config.hub.endpoint, config.secrets},
      client_, std::move(events));
}

void PodWork::bring(std::uint64_t call, const std::vector<execute::Hands::Wanted>& files,
                    Brought then) {
  protocol::Request request;
  request.id = {"command", std::to_string(call), 1};
  for (const execute::Hands::Wanted& file : files) {
    request.inputs.push_back(
        {file.sha256, file.directory ? "tree" : "file", file.sha256, 0, file.directory});
  }
  named_.bring(std::move(request), [then = std::move(then)](const Result<protocol::Request>& all) {
    if (!all) return then(tl::unexpected(all.error()));
    std::map<std::string, std::string> paths;
    for (const protocol::Input& input : all->inputs) paths[input.sha256] = input.path;
    then(paths);
  });
}

std::int64_t PodWork::exchange(std::int64_t now_us) {
  if (relay_) relay_->tick(now_us);
  const std::int64_t relay_us = relay_ ? relay_->wake_us() : now_us + kTryAgainUs;
  if (!dealer_ && client_.idle()) return relay_us;
  if (!dealer_) {
    link::DealerOptions options = config_.hub;
    options.endpoint = config_.bulk;
    auto dealer = link::Dealer::open(context_, options);
    if (!dealer) {
      say_(dealer.error().message);
      return now_us + kTryAgainUs;
    }
    dealer_.emplace(std::move(*dealer));
    ready_ = loop_.watch(dealer_->fd(), EV_READ, [](short) {});  // exchange() reads it
  }
  dealer_->exchange(client_, now_us);
  return std::min(client_.wake_us(now_us), relay_us);
}

}  // namespace scanflow::sidecar
