// Whom a client of TLS believes, and by what it shows who it is. The other side is always verified.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "sdk/base/result.hpp"

struct ssl_ctx_st;  // OpenSSL's

namespace scanflow::http {

struct Trust {
  std::string ca;                // PEM, one or several; empty: those that this machine trusts
  std::string certificate, key;  // PEM: of the client, and those between it and its CA; empty: none
};

/// TLS 1.2 or later, with HTTP/1.1. An error says which part is wrong, why, and what to do: it is no PEM,
/// has a password, does not fit the other one, is not valid at `now_s` (Unix time).
Result<std::shared_ptr<ssl_ctx_st>> client_context(const Trust& trust, std::int64_t now_s);

}  // namespace scanflow::http
