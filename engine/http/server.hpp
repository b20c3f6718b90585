// HTTP/1.1: one thread for all connections. What they ask is answered by a handler. What a client may
// cost is bounded: connections, sizes of header and body, time to send and to receive them.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "engine/http/certificate.hpp"
#include "engine/http/client_ca.hpp"
#include "engine/http/message.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::http {

struct Limits {
  std::uint32_t header_bytes = 16u << 10;
  std::uint64_t body_bytes = 16u << 20;  // 8 MiB of YAML, escaped
  std::uint64_t all_bodies_bytes = 1u
                                   << 30;  // of all connections, in memory at once; past them 503
  std::size_t connections = 1000;          // past them the one that is idle for longest is closed
  std::chrono::milliseconds handshake = std::chrono::seconds(10);  // of TLS
  std::chrono::milliseconds idle = std::chrono::seconds(60);       // between two requests
  std::chrono::milliseconds receive =
      std::chrono::seconds(30);  // the body of one; into a file: the next of it
  std::chrono::milliseconds send = std::chrono::seconds(30);  // an answer, or a piece of one
  std::chrono::milliseconds heartbeat = std::chrono::seconds(15);
};

struct Options {
  Limits limits;
  /// With one: TLS, on any address, for any host. Without: plain HTTP for this machine's own alone,
  /// and for no page of another site.
  std::shared_ptr<Certificate> certificate;
  /// With one: clients are asked for a certificate over TLS; whose it is, is in their requests. One
  /// without, or with another CA's, is served all the same: the handler refuses.
  std::shared_ptr<const ClientCa> client_ca;
  /// What is answered to what is no request, or too large a one; none: as the engine's API does.
  std::function<Response(int status, const std::string& message)> refusal;
  /// Plain HTTP on any address, for whoever can reach it: what is around it says who may (a Pod's network).
  bool open = false;
};

/// Why this cannot be listened on, whatever else does; "" where it can.
std::string wrong_address(const std::string& address, bool tls = false);

class Server {
 public:
  /// `address`: 127.0.0.1:PORT, [::1]:PORT or localhost:PORT; unix:PATH (a file that is there is
  /// replaced; who may open it is for its folder to say); with TLS also ADDRESS:PORT, and :PORT
  /// for all of the machine's. Port 0: one that is free. An error says why it cannot be listened
  /// on.
  static Result<std::unique_ptr<Server>> listen(const std::string& address, Options options = {});
  /// Those who have connected since then are served from now on. Both outlive this server.
  /// `admit`: none: all bodies go to memory.
  void start(Handler handler, Admit admit = {});
  /// Gives what was answered already a moment to be sent, then closes all connections.
  ~Server();

  /// "127.0.0.1:8420": where it listens.
  const std::string& address() const;
  /// Queues a call for its thread. [any-thread]
  void post(std::function<void()> call);
  /// The same, when it is time. [any-thread]
  void post_at(std::chrono::steady_clock::time_point time, std::function<void()> call);
  /// From now on each connection is closed after its next answer: its client opens another, maybe
  /// elsewhere. [any-thread]
  void answer_last();
  /// Accepts no more connections and reads no more requests, when this returns. [not-its-thread]
  void hear_no_more();

 private:
  friend class Upstream;
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  static Result<std::unique_ptr<Server>> listen_locally(const std::string& address,
                                                        Options options);
  std::unique_ptr<Impl> impl_;
};

}  // namespace scanflow::http
