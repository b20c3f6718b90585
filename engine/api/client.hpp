// What a command line asks of a server: plain HTTP/1.1, a connection for each request. A server that
// is silent for too long is taken for dead: nobody waits for ever.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "engine/api/documents.hpp"
#include "engine/http/client.hpp"

namespace scanflow::api {

struct HttpReply {
  int status = 0;
  std::string body;
};

/// How long a client waits.
struct ClientLimits {
  std::chrono::milliseconds connect = std::chrono::seconds(10);
  /// For an answer to begin, and for each further piece of it (a stream says something each 15 s).
  std::chrono::milliseconds silence = std::chrono::seconds(60);
};

/// For the beginning of an answer to what may copy or delete much.
constexpr std::chrono::milliseconds kLongWork = std::chrono::minutes(10);

class HttpClient {
 public:
  /// `url`: http://HOST[:PORT]; nothing is connected yet.
  static Result<HttpClient> to(const std::string& url, ClientLimits limits = {});

  struct Ask {
    std::string method = "GET";
    std::string target;
    std::string body = {};
    std::string accept = "application/json";
    /// For an answer to begin, where that may take longer: then a server that hangs is found out
    /// before.
    std::chrono::milliseconds patience = {};
  };
  /// Blocks until the whole answer is there; an error says that the server cannot be reached, or
  /// went away. A body is sent as JSON. [any-thread]
  Result<HttpReply> request(const Ask& ask) const;
  /// The JSON of an answer of 2xx; else what the server says is wrong.
  Answer<json> json_of(const Ask& ask) const;

  /// An answer as it comes.
  class Reading {
   public:
    virtual ~Reading() = default;
    virtual int status() const = 0;
    /// The next piece of the body; empty: that was all. An error: the server went away, or is
    /// silent, before that. Blocks.
    virtual Result<std::string> next() = 0;
    /// Makes a next() that waits give up. [any-thread]
    virtual void cancel() = 0;
  };
  Result<std::unique_ptr<Reading>> open(const Ask& ask) const;

  const std::string& url() const { return url_; }

 private:
  HttpClient(std::string url, std::string host, std::string port, ClientLimits limits)
      : url_(std::move(url)), host_(std::move(host)), port_(std::move(port)), limits_(limits) {}
  std::string url_, host_, port_;
  ClientLimits limits_;
};

/// What is left of an answer.
Result<std::string> rest_of(HttpClient::Reading& reading);

/// What is wrong, as a server says it.
Failure failure_of(int status, const std::string& body);

/// Why an answer is of no use.
std::string not_ours(const std::string& url);

/// The runs of a server, and what it has registered.
std::unique_ptr<Runs> runs_of(HttpClient client);
std::unique_ptr<Documents> documents_of(HttpClient client);

}  // namespace scanflow::api
