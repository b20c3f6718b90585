// One request to an HTTP server, by libcurl.
#pragma once

#include <chrono>
#include <string>

namespace scanflow::triggers {

struct HttpGet {
  std::string url;                         // https://prom:9090/api/v1/query?query=up
  std::chrono::milliseconds timeout{800};  // of all of it: name, connection, answer
  std::string token;                       // Authorization: Bearer; empty: none
  std::string ca_file;  // PEM, instead of the system's certificates; empty: those
};
struct HttpAnswer {
  long status = 0;
  std::string body;  // at most 4 MiB
};

/// Follows no redirection. Throws std::runtime_error: no answer, and why, and the fix.
HttpAnswer http_get(const HttpGet& request);
/// For a query string: "%20" of a blank.
std::string url_escaped(const std::string& text);
/// A bearer token, without the blanks around it. Throws std::runtime_error.
std::string read_token(const std::string& file);

}  // namespace scanflow::triggers
