// A message as two pieces of text, and the sending of them. Private to engine/http.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/http/message.hpp>
#include <string>
#include <vector>

namespace scanflow::http {

/// What is to be sent still: of the head, of the body.
using Parts = std::array<boost::asio::const_buffer, 2>;

inline void append_fields(std::string& text, const boost::beast::http::fields& fields) {
  for (const auto& field : fields) {
    const auto name = field.name_string(), value = field.value();
    text.append(name.data(), name.size()).append(": ").append(value.data(), value.size());
    text.append("\r\n");
  }
  text.append("\r\n");
}

inline const char* version_text(unsigned version) { return version < 11 ? "HTTP/1.0" : "HTTP/1.1"; }

/// The head in one piece: Beast's own writing of it takes a piece for each field, and walks them again and again.
template <class Body>
std::string head_text(
    const boost::beast::http::request<Body, boost::beast::http::fields>& message) {
  const auto method = message.method_string(), target = message.target();
  std::string text(method.data(), method.size());
  text.append(" ").append(target.data(), target.size()).append(" ");
  text.append(version_text(message.version())).append("\r\n");
  append_fields(text, message);
  return text;
}
template <class Body>
std::string head_text(
    const boost::beast::http::response<Body, boost::beast::http::fields>& message) {
  const auto reason = message.reason();
  std::string text(version_text(message.version()));
  text.append(" ").append(std::to_string(message.result_int())).append(" ");
  text.append(reason.data(), reason.size()).append("\r\n");
  append_fields(text, message);
  return text;
}

/// As a sequence for async_write. Of a pair whose first is empty, TLS would send nothing, and end.
inline std::vector<boost::asio::const_buffer> rest_of(const Parts& parts) {
  std::vector<boost::asio::const_buffer> rest;
  for (const boost::asio::const_buffer& part : parts)
    if (part.size() > 0) rest.push_back(part);
  return rest;
}

/// Gives the kernel what it takes at once, mostly all: that needs no turn of the loop. The socket does not block.
template <class Socket>
boost::system::error_code send_now(Socket& socket, Parts& parts) {
  boost::system::error_code error;
  std::size_t sent = socket.write_some(parts, error);
  if (error == boost::asio::error::would_block || error == boost::asio::error::try_again) return {};
  for (boost::asio::const_buffer& part : parts) {
    const std::size_t of_it = std::min(sent, part.size());
    part += of_it;
    sent -= of_it;
  }
  return error;
}

}  // namespace scanflow::http
