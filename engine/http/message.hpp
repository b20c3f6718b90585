// What is asked over HTTP, and what is answered: plain data, so that only session.cpp, server.cpp and client.cpp
// see the library that speaks HTTP.
#pragma once

#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace scanflow::http {

using nlohmann::json;

/// Of whom a verified client certificate is.
struct ClientSubject {
  std::string common_name;
  std::vector<std::string> organizations;
};

struct Request {
  std::string method;
  std::vector<std::string> path;                  // its segments, decoded
  std::multimap<std::string, std::string> query;  // decoded; in the order in which a name comes
  std::string body, content_type, accept, last_event_id, authorization;
  std::optional<ClientSubject> client;  // where the server has a CA for clients, and it vouches

  /// Of the query, or ""; of a name that comes twice the last.
  std::string parameter(const std::string& name) const {
    const auto end = query.upper_bound(name);
    return query.contains(name) ? std::prev(end)->second : std::string();
  }
  bool accepts(std::string_view type) const { return accept.find(type) != std::string::npos; }
};

/// Segments and query of a request's target; false where it is malformed.
bool parse_target(std::string_view target, Request& request);

/// A long answer, piece by piece.
class Stream {
 public:
  virtual ~Stream() = default;
  /// Asks for the next piece. `then` is called once, from any thread, an empty piece being the end;
  /// it is not asked again before.
  virtual void next(std::function<void(std::string piece)> then) = 0;
  /// What is sent when there was nothing to say for a while, so that a client that is gone is
  /// noticed; empty: nothing.
  virtual std::string heartbeat() const { return {}; }
};

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::shared_ptr<Stream> stream;  // instead of the body
};

Response respond(int status, const json& document);
/// {"error": {"message"}, "exit"}: `exit` as the command line would end (0 where it says nothing).
Response refuse(int status, int exit, const std::string& message);

/// Called once, from any thread.
using Reply = std::function<void(Response)>;
/// Called on the HTTP thread: must not block.
using Handler = std::function<void(Request, Reply)>;

/// Is this what a browser on this machine calls it: localhost, a loopback address, with any port?
bool is_loopback_host(std::string_view host);

}  // namespace scanflow::http
