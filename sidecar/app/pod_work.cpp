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
      relay_(loop, {config.worker, config.directory, config.hub.endpoint, config.secrets}, client_,
             std::move(events)) {}

std::int64_t PodWork::exchange(std::int64_t now_us) {
  relay_.tick(now_us);
  if (!dealer_ && client_.idle()) return relay_.wake_us();
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
  return std::min(client_.wake_us(now_us), relay_.wake_us());
}

}  // namespace scanflow::sidecar
