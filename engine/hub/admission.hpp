// Who gets a turn: what connections without a session, and users, may ask of the hub. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

#include "engine/hub/limits.hpp"

namespace scanflow::hub {

class Admission {
 public:
  explicit Admission(const HubLimits& limits);

  /// Is a message of so many bytes read, that comes from a connection without a session?
  bool reads(const std::string& routing_id, std::size_t bytes, std::int64_t now_us);
  /// Is such a connection answered? Not each of its messages: one answer says all.
  bool answers(const std::string& routing_id, std::int64_t now_us);
  /// It has a session now.
  void forget(const std::string& routing_id) { strangers_.erase(routing_id); }

  /// Is a Hello of this user considered, beside its others?
  bool greets(const std::string& user, std::int64_t now_us);
  /// May one more sidecar of this user attach? Then, that it has; that it has not any more.
  bool has_place(const std::string& user) const;
  void attached(const std::string& user) { ++users_[user].attached; }
  void detached(const std::string& user);

  /// Forgets whoever is silent.
  void tick(std::int64_t now_us);

 private:
  struct Stranger {
    Meter bytes;
    std::int64_t answer_us = 0;  // not before
  };
  struct User {
    std::size_t attached = 0;
    Meter greetings;
  };

  const std::size_t most_strangers_, most_of_user_;
  const Rate user_greetings_;
  std::unordered_map<std::string, Stranger> strangers_;  // by routing id
  std::map<std::string, User> users_;
  std::int64_t tick_us_ = 0;
};

}  // namespace scanflow::hub
