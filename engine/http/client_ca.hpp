// Whose certificates clients may show.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/http/message.hpp"
#include "sdk/base/result.hpp"

struct ssl_st;         // OpenSSL's
struct x509_store_st;  // OpenSSL's

namespace scanflow::http {

/// Immutable: from any thread.
class ClientCa {
 public:
  /// PEM: one certificate, or several.
  static Result<std::shared_ptr<const ClientCa>> of(const std::string& pem);
  /// Before the handshake of a server's connection.
  void ask_of(ssl_st* connection) const;

 private:
  explicit ClientCa(std::shared_ptr<x509_store_st> store) : store_(std::move(store)) {}
  std::shared_ptr<x509_store_st> store_;
};

/// After a handshake: whose certificate the client has shown; none where it has shown none, or one
/// that its CA does not vouch for.
std::optional<ClientSubject> subject_of(ssl_st* connection);

}  // namespace scanflow::http
