// A client of HTTP/1.1, over TLS where its peer has that: one connection, whose calls block, with a limit for
// each and broken off by a stop token. What is asked again, and when, is for others to say.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

struct ssl_ctx_st;  // OpenSSL's

namespace scanflow::http {

struct Proxy {
  std::string host, port;
  std::string authorization;  // of Proxy-Authorization; empty: none
};

struct Peer {
  std::string host, port;               // the host without the brackets of an IPv6 address
  std::shared_ptr<ssl_ctx_st> context;  // TLS with that (client_context()); none: plain
  std::string server_name;              // that its certificate must have; empty: the host
  std::optional<Proxy> proxy;           // through which it is reached, by CONNECT
};

constexpr std::chrono::milliseconds kPatience = std::chrono::seconds(60);

struct Outgoing {
  std::string method = "GET";
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  std::chrono::milliseconds patience = kPatience;  // for the answer to begin
};

/// Of an answer.
struct Head {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case

  /// Or "".
  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
};

/// Why there is no answer.
struct NoAnswer {
  enum class Why {
    name,     // its name is not known
    refused,  // nobody listens there, or the way is closed
    tls,      // it is not whom it should be, or does not believe us
    silent,   // it said nothing for too long
    closed,   // it went away
    stopped,  // by the caller
  };
  Why why = Why::closed;
  std::string message;  // without a name: "connection refused"
  bool sent = false;    // the request was, so that it may have been acted upon
};
template <class T>
using Answered = tl::expected<T, NoAnswer>;

class Client {
 public:
  static Answered<std::unique_ptr<Client>> connect(const Peer& peer,
                                                   std::chrono::milliseconds patience,
                                                   const std::stop_token& stop = {});
  virtual ~Client() = default;

  /// Sends a request, and reads the header of the answer. The answer before must have been read to its end.
  virtual Answered<Head> ask(const Outgoing& outgoing, const std::stop_token& stop = {}) = 0;
  /// The next piece of the answer's body; empty: that was all.
  virtual Answered<std::string> next(const std::stop_token& stop = {},
                                     std::chrono::milliseconds patience = kPatience) = 0;
  /// What is left of the body; a longer one than `most_bytes` is no answer.
  Answered<std::string> rest(std::size_t most_bytes, const std::stop_token& stop = {});
  /// May another request be sent here?
  virtual bool reusable() const = 0;
};

/// Text as a part of a target.
std::string percent_encoded(std::string_view text);

}  // namespace scanflow::http
