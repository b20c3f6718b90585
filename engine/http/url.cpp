#include "engine/http/url.hpp"

#include <algorithm>

namespace scanflow::http {
namespace {

bool is_port(const std::string& text) {
  return !text.empty() && text.size() <= 5 &&
         text.find_first_not_of("0123456789") == std::string::npos && std::stoi(text) <= 65535;
}

}  // namespace

std::optional<Url> parse_url(std::string_view text) {
  constexpr std::string_view kPlain = "http://", kTls = "https://";
  Url url;
  url.tls = text.starts_with(kTls);
  if (!url.tls && !text.starts_with(kPlain)) return std::nullopt;
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c <= ' ' || c == 127; }))
    return std::nullopt;
  text.remove_prefix(url.tls ? kTls.size() : kPlain.size());
  const std::size_t slash = std::min(text.find('/'), text.size());
  url.path = text.substr(slash);
  while (url.path.ends_with('/')) url.path.pop_back();
  url.host = text.substr(0, slash);
  if (const std::size_t at = url.host.rfind('@'); at != std::string::npos) {
    url.user = url.host.substr(0, at);
    url.host.erase(0, at + 1);
  }
  url.port = url.tls ? "443" : "80";
  const std::size_t colon = url.host.rfind(':');
  if (colon != std::string::npos && url.host.find(']', colon) == std::string::npos) {
    url.port = url.host.substr(colon + 1);
    url.host.resize(colon);
  }
  if (url.host.starts_with('[') && url.host.ends_with(']'))
    url.host = url.host.substr(1, url.host.size() - 2);
  if (url.host.empty() || !is_port(url.port) || url.host.find_first_of("?#[]") != std::string::npos)
    return std::nullopt;
  return url;
}

}  // namespace scanflow::http
