// What an API server refuses, and why: its Status objects, and what they mean for whoever asked.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "engine/http/client.hpp"

namespace scanflow::kube {

using nlohmann::json;

struct Failure {
  int code = 0;         // of HTTP; 0: there was no answer
  std::string reason;   // the API's word: "AlreadyExists", "Conflict", "Forbidden", "Expired"...
  std::string message;  // what, why and the fix
  json details = json::object();
  std::optional<std::chrono::milliseconds> retry_after;   // as it asks for
  http::NoAnswer::Why why = http::NoAnswer::Why::closed;  // where code is 0
  bool sent = true;                                       // it may have been acted upon

  bool is(const char* word) const { return reason == word; }
  bool stopped() const { return code == 0 && why == http::NoAnswer::Why::stopped; }
  /// The resource version or continue token is too old: list anew.
  bool expired() const { return code == 410; }
};
template <class T>
using Answer = tl::expected<T, Failure>;

/// The API server was asked, and has none.
inline Failure no_such(std::string message) { return {404, "NotFound", std::move(message)}; }
/// Of an answer that is none of 2xx.
Failure failure_of(const http::Head& head, const std::string& body);
/// Of a Status object, as a watch sends one too.
Failure failure_of(const json& status);
/// Of a server that did not answer. `server`: its URL.
Failure failure_of(const http::NoAnswer& none, const std::string& server);

/// For a person: what was asked ("create Pod shop/a") and refused, why, and what to do about it.
std::string explained(const Failure& failure, const std::string& asked);

}  // namespace scanflow::kube
