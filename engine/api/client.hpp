// What a command line asks of a server: plain HTTP/1.1, a connection for each request.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "engine/api/runs.hpp"

namespace scanflow::api {

struct HttpReply {
  int status = 0;
  std::string body;
};

class HttpClient {
 public:
  /// `url`: http://HOST[:PORT]; nothing is connected yet.
  static Result<HttpClient> to(const std::string& url);

  struct Ask {
    std::string method = "GET";
    std::string target;
    std::string body = {};
    std::string accept = "application/json";
  };
  /// Blocks until the whole answer is there; an error says that the server cannot be reached, or
  /// went away. A body is sent as JSON. [any-thread]
  Result<HttpReply> request(const Ask& ask) const;
  /// The JSON of an answer of 2xx; else what the server says is wrong.
  Answer<json> json_of(const Ask& ask) const;

  /// An answer as it comes. Blocks until it ends, or `take` says false, or it is cancelled.
  class Reading {
   public:
    virtual ~Reading() = default;
    virtual int status() const = 0;
    /// The next piece of the body; empty: that was all, or the server went away.
    virtual std::string next() = 0;
    /// Makes a next() that waits give up. [any-thread]
    virtual void cancel() = 0;
  };
  Result<std::unique_ptr<Reading>> open(const Ask& ask) const;

  const std::string& url() const { return url_; }

 private:
  HttpClient(std::string url, std::string host, std::string port)
      : url_(std::move(url)), host_(std::move(host)), port_(std::move(port)) {}
  std::string url_, host_, port_;
};

/// Text as a part of a target.
std::string percent_encoded(std::string_view text);

/// What is wrong, as a server says it.
Failure failure_of(int status, const std::string& body);

/// The runs of a server.
std::unique_ptr<Runs> runs_of(HttpClient client);

}  // namespace scanflow::api
