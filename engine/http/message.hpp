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
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "engine/http/body_file.hpp"

namespace scanflow::http {

using nlohmann::json;

/// Of whom a verified client certificate is.
struct ClientSubject {
  std::string common_name;
  std::vector<std::string> organizations;
};

struct Request {
  std::string method;
  std::string target;                             // as it was sent
  std::vector<std::string> path;                  // its segments, decoded
  std::multimap<std::string, std::string> query;  // decoded; in the order in which a name comes
  std::string body, content_type, accept, last_event_id, authorization;
  std::vector<std::pair<std::string, std::string>> headers;  // all of them, as they came
  std::optional<ClientSubject> client;  // where the server has a CA for clients, and it vouches
  std::shared_ptr<const BodyFile> body_file;  // instead of `body`, where Admit says so

  /// Of the query, or ""; of a name that comes twice the last.
  std::string parameter(const std::string& name) const {
    const auto end = query.upper_bound(name);
    return query.contains(name) ? std::prev(end)->second : std::string();
  }
  /// The first of that name, in any case of letters, or "".
  std::string_view header(std::string_view name) const;
  bool accepts(std::string_view type) const { return accept.find(type) != std::string::npos; }
};

/// "a%20b" -> "a b"; nothing where it is malformed.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space = false);
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
  // Instead of the body.
  std::shared_ptr<Stream> stream;
  std::optional<FilePart> file;
};

Response respond(int status, const json& document);
/// {"error": {"message"}, "exit"}: `exit` as the command line would end (0 where it says nothing).
Response refuse(int status, int exit, const std::string& message);

/// Called once, from any thread.
using Reply = std::function<void(Response)>;
/// Called on the HTTP thread: must not block.
using Handler = std::function<void(Request, Reply)>;

/// Where a body goes that is not to be in memory.
struct SpoolTo {
  std::filesystem::path directory;  // made where it is missing
  std::uint64_t most_bytes = 0;
  std::uint64_t reserve_bytes = 0;  // that the disk keeps free; of a small one a twentieth
  /// What is answered where the body is not taken: too long, a full disk.
  std::function<Response(int status, const std::string& message)> refuse;
};
struct InMemory {};  // at most Limits::body_bytes
/// A response: no body is wanted, this is the answer.
using Admission = std::variant<InMemory, SpoolTo, Response>;
/// Called on the HTTP thread before a request's body comes, with all but that: must not block.
using Admit = std::function<Admission(const Request& head)>;

/// Is this what a browser on this machine calls it: localhost, a loopback address, with any port?
bool is_loopback_host(std::string_view host);

}  // namespace scanflow::http
