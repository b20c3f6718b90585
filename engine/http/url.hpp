// The address of something that is asked by HTTP. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace scanflow::http {

struct Url {
  bool tls = false;
  std::string host, port;  // the host without the brackets of an IPv6 address
  std::string path;  // "" or "/..." without a slash at its end; with its query, where it has one
  std::string user;  // "USER:PASSWORD", or ""
};

/// http://[USER:PASSWORD@]HOST[:PORT][/PATH], or https; the port is 80, or 443, where none is said. Nothing: it is no such
/// address.
std::optional<Url> parse_url(std::string_view text);

}  // namespace scanflow::http
