// The session of an agent's process at its server, over HTTP.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "engine/api/client.hpp"

namespace scanflow::api {

/// Of a server that is away: it is asked again after growing waits, and people are told once.
class Patience {
 public:
  explicit Patience(std::function<void(const std::string& line)> log) : log_(std::move(log)) {}
  /// It was asked in vain: how long to wait.
  std::chrono::milliseconds away(const std::string& why);
  /// It has answered.
  void there();

 private:
  const std::function<void(const std::string& line)> log_;
  std::mutex mutex_;
  std::chrono::milliseconds wait_{0};
};

/// Of one session. Thread-safe.
class AgentLink {
 public:
  /// `target`: /api/v1/agents/NAMESPACE/NAME/sessions. A refusal has the server's status; 0: it cannot be reached.
  static Answer<json> open(const HttpClient& client, const std::string& target);

  AgentLink(HttpClient client, std::string target, std::function<void(const std::string& line)> log)
      : client_(std::move(client)), target_(std::move(target)), patience_(std::move(log)) {}

  /// Asks until there is an answer: a server that is away is waited for. An error: what was asked is refused; or the session
  /// is over, or given up.
  Result<json> ask(const json& body);
  /// From now on nobody waits for a server that is away.
  void give_up();
  /// Gives the lease back; whoever waits for news is answered.
  void close();

  /// Another session is to be begun.
  bool is_over() const { return over_; }
  /// No answer came, and none will: as if nothing had been asked.
  bool is_silent() const { return over_ || giving_up_; }

 private:
  const HttpClient client_;
  const std::string target_;  // with the session
  Patience patience_;
  std::atomic<bool> over_ = false, giving_up_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace scanflow::api
