// What a request's head says, without its target's parts and its client. Private to engine/http (session.cpp).
#pragma once

#include <fmt/format.h>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <string>
#include <string_view>

#include "engine/http/message.hpp"

namespace scanflow::http {

inline std::string text(boost::beast::string_view view) { return {view.data(), view.size()}; }

/// Where a browser says that another site makes it ask; such a page must not drive this engine.
inline bool is_cross_origin(const boost::beast::http::fields& request) {
  const auto origin = request.find(boost::beast::http::field::origin);
  if (origin == request.end()) return false;
  const std::string own = "http://" + std::string(request[boost::beast::http::field::host]);
  return std::string_view(origin->value().data(), origin->value().size()) != own;
}

/// Why it is not for this machine's own; "" where it is.
inline std::string foreign(const boost::beast::http::fields& request) {
  const std::string host = text(request[boost::beast::http::field::host]);
  if (!is_loopback_host(host)) {
    return fmt::format(
        "the host '{}' is not this machine's loopback address; ask for http://127.0.0.1 or "
        "http://localhost",
        host.substr(0, 100));
  }
  return is_cross_origin(request) ? "pages of other sites may not use this server" : "";
}

inline Request request_of(const boost::beast::http::request<boost::beast::http::empty_body>& head) {
  using boost::beast::http::field;
  Request request;
  const bool only_head = head.method() == boost::beast::http::verb::head;
  request.method = only_head ? "GET" : text(head.method_string());
  request.target = text(head.target());
  request.content_type = text(head[field::content_type]);
  request.accept = text(head[field::accept]);
  request.last_event_id = text(head["Last-Event-ID"]);
  request.authorization = text(head[field::authorization]);
  for (const auto& each : head)
    request.headers.emplace_back(text(each.name_string()), text(each.value()));
  return request;
}

}  // namespace scanflow::http
