// A client of the API server over HTTPS, as simple as can be: one connection for each request.
#pragma once

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>

#include "tests/support/kube/server.hpp"

namespace scanflow::test::kube {

/// Of no status: the connection was closed without an answer.
struct Given {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string text;
  json body() const { return json::parse(text); }
};

/// A request that is sent, and its answer as it comes.
class Exchange {
 public:
  Exchange(const std::string& address, const std::string& ca, const ClientPair* pair,
           const std::string& request)
      : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to connections that the other side has closed
    trust(ca);
    if (pair != nullptr) show(*pair);
    bio_.reset(BIO_new_ssl_connect(context_.get()));
    BIO_set_conn_hostname(bio_.get(), address.c_str());
    SSL* ssl = nullptr;
    BIO_get_ssl(bio_.get(), &ssl);
    SSL_set1_host(ssl, "localhost");
    SSL_set_tlsext_host_name(ssl, "localhost");
    if (BIO_do_connect(bio_.get()) != 1) throw std::runtime_error("no connection");
    const timeval patience{20, 0};
    ::setsockopt(SSL_get_fd(ssl), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    BIO_write(bio_.get(), request.data(), static_cast<int>(request.size()));
  }

  /// Header and body; of a long answer the header alone.
  Given answer() {
    Given given;
    std::string line = take_line();
    if (line.empty()) return given;
    given.status = std::stoi(line.substr(9, 3));
    while (!(line = take_line()).empty()) {
      const std::size_t colon = line.find(':');
      std::string name = line.substr(0, colon);
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      given.headers[name] = line.substr(colon + 2);
    }
    const auto length = given.headers.find("content-length");
    if (length != given.headers.end()) given.text = take(std::stoul(length->second));
    return given;
  }

  /// The next line of a long answer; none at its end.
  std::optional<std::string> line() {
    std::size_t end = 0;
    while ((end = text_.find('\n', read_)) == std::string::npos) {
      const std::string size = take_line();
      const std::size_t bytes = size.empty() ? 0 : std::stoul(size, nullptr, 16);
      if (bytes == 0) return std::nullopt;
      text_ = text_.substr(read_) + take(bytes);
      read_ = 0;
      take_line();
    }
    std::string first = text_.substr(read_, end - read_);
    read_ = end + 1;
    return first;
  }

 private:
  struct Free {
    void operator()(BIO* bio) const { BIO_free_all(bio); }
  };

  static std::unique_ptr<BIO, Free> memory(const std::string& pem) {
    return std::unique_ptr<BIO, Free>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  }
  void trust(const std::string& ca) {
    const std::unique_ptr<X509, decltype(&X509_free)> root(
        PEM_read_bio_X509(memory(ca).get(), nullptr, nullptr, nullptr), X509_free);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), root.get());
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  }
  void show(const ClientPair& pair) {
    const std::unique_ptr<X509, decltype(&X509_free)> own(
        PEM_read_bio_X509(memory(pair.certificate).get(), nullptr, nullptr, nullptr), X509_free);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        PEM_read_bio_PrivateKey(memory(pair.key).get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
    SSL_CTX_use_certificate(context_.get(), own.get());
    SSL_CTX_use_PrivateKey(context_.get(), key.get());
  }

  bool more() {
    std::array<char, 65536> piece;
    const int got = BIO_read(bio_.get(), piece.data(), piece.size());
    if (got > 0) raw_.append(piece.data(), static_cast<std::size_t>(got));
    return got > 0;
  }
  std::string take_line() {
    while (raw_.find("\r\n", at_) == std::string::npos) {
      if (!more()) return "";
    }
    const std::size_t end = raw_.find("\r\n", at_);
    std::string line = raw_.substr(at_, end - at_);
    at_ = end + 2;
    return line;
  }
  std::string take(std::size_t bytes) {
    while (raw_.size() - at_ < bytes && more()) {
    }
    std::string taken = raw_.substr(at_, bytes);
    raw_.erase(0, at_ + taken.size());
    at_ = 0;
    return taken;
  }

  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<BIO, Free> bio_;
  std::string raw_, text_;
  std::size_t at_ = 0, read_ = 0;  // what of them was taken
};

class Client {
 public:
  Client(const KubeServer& server, std::string token)
      : address_(server.url().substr(8)), ca_(server.ca()), token_(std::move(token)) {}
  Client(const KubeServer& server, ClientPair pair)
      : address_(server.url().substr(8)), ca_(server.ca()), pair_(std::move(pair)) {}

  Given ask(const std::string& method, const std::string& target, const json& body = nullptr,
            const std::string& type = "application/json") const {
    return send(method, target, body.is_null() ? "" : body.dump(), type);
  }
  /// A body that need not be JSON.
  Given send(const std::string& method, const std::string& target, const std::string& body,
             const std::string& type = "application/json") const {
    return open(method, target, body, type)->answer();
  }
  std::unique_ptr<Exchange> open(const std::string& method, const std::string& target,
                                 const std::string& body = "",
                                 const std::string& type = "application/json") const {
    std::string text = method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n";
    if (!token_.empty()) text += "Authorization: Bearer " + token_ + "\r\n";
    if (!body.empty()) text += "Content-Type: " + type + "\r\n";
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    return std::make_unique<Exchange>(address_, ca_, pair_ ? &*pair_ : nullptr, text);
  }
  /// A watch whose header has come.
  std::unique_ptr<Exchange> watch(const std::string& target) const {
    auto exchange = open("GET", target);
    const Given given = exchange->answer();
    if (given.status != 200) throw std::runtime_error(given.text);
    return exchange;
  }

 private:
  std::string address_, ca_, token_;
  std::optional<ClientPair> pair_;
};

}  // namespace scanflow::test::kube
