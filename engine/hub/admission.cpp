#include "engine/hub/admission.hpp"

namespace scanflow::hub {
namespace {

constexpr std::int64_t kAnswerUs = 100'000;         // between two answers to one connection
constexpr std::int64_t kForgetPeerUs = 10'000'000;  // whoever was silent for so long
constexpr std::int64_t kSweepUs = 1'000'000;
constexpr std::size_t kSecondsOfAStorm = 2;  // in which all sidecars of a user may come back

}  // namespace

Admission::Admission(const HubLimits& limits)
    : most_strangers_(2 * limits.sessions + 1000),
      most_of_user_(limits.user_sessions),
      user_greetings_{limits.user_sessions / kSecondsOfAStorm + limits.greetings.a_second,
                      limits.user_sessions + limits.greetings.at_once} {}

bool Admission::reads(const std::string& routing_id, std::size_t bytes, std::int64_t now_us) {
  const auto found = strangers_.find(routing_id);
  if (found == strangers_.end() && strangers_.size() >= most_strangers_) return false;
  Stranger& stranger = found == strangers_.end() ? strangers_[routing_id] : found->second;
  return stranger.bytes.take(bytes + kMessageCost, kStrangerBytes, now_us);
}

bool Admission::answers(const std::string& routing_id, std::int64_t now_us) {
  const auto found = strangers_.find(routing_id);
  if (found == strangers_.end()) return true;
  if (now_us < found->second.answer_us) return false;
  found->second.answer_us = now_us + kAnswerUs;
  return true;
}

bool Admission::greets(const std::string& user, std::int64_t now_us) {
  return users_[user].greetings.take(1, user_greetings_, now_us);
}

bool Admission::has_place(const std::string& user) const {
  const auto found = users_.find(user);
  return found == users_.end() || found->second.attached < most_of_user_;
}

void Admission::detached(const std::string& user) {
  const auto found = users_.find(user);
  if (found != users_.end() && found->second.attached > 0) --found->second.attached;
}

void Admission::tick(std::int64_t now_us) {
  if (now_us < tick_us_) return;
  tick_us_ = now_us + kSweepUs;
  std::erase_if(strangers_, [&](const auto& each) {
    return now_us - each.second.bytes.at_us() >= kForgetPeerUs;
  });
  std::erase_if(users_, [&](const auto& each) {
    return each.second.attached == 0 && now_us - each.second.greetings.at_us() >= kForgetPeerUs;
  });
}

}  // namespace scanflow::hub
