// Requests to another server, over connections that stay, on the thread of a server of ours: for whoever
// hands on what it was asked.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "engine/http/message.hpp"
#include "engine/http/server.hpp"

namespace scanflow::http {

struct Onward {
  std::string method, target;
  std::vector<std::pair<std::string, std::string>> headers;
  std::shared_ptr<const std::string> body;  // never null
};

struct NotReached {
  enum class Why {
    refused,  // nobody is there
    closed,   // it went away before it had answered
    late,
    unusable,  // it answered what cannot be taken, or this process cannot ask
  };
  Why why = Why::closed;
  std::string message;
};

class Upstream {
 public:
  /// `address`: unix:PATH. On the thread of `server`, which outlives it; all of it belongs there.
  Upstream(Server& server, const std::string& address, std::uint64_t most_body_bytes);
  /// Answers what is on its way: closed.
  ~Upstream();

  using Then = std::function<void(tl::expected<Response, NotReached>)>;
  /// `then` is called once, on the same thread, not before this returns. An answer has status, body,
  /// content type, and the headers that are the sender's own.
  void send(const Onward& request, std::chrono::steady_clock::time_point deadline, Then then);
  /// Whoever was there is gone: what is on its way is answered so, and connections begin anew.
  void close_all();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace scanflow::http
