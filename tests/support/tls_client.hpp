// A client of HTTPS: what it sends is written by the test, and it believes one CA.
#pragma once

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>

namespace scanflow::test {

class TlsClient {
 public:
  /// `alpn`: in OpenSSL's form ("\x02h2"); empty: none is offered.
  TlsClient(const std::string& address, const std::string& ca, const std::string& alpn = "")
      : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to connections that the other side has closed
    trust(ca);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    bio_.reset(BIO_new_ssl_connect(context_.get()));
    BIO_set_conn_hostname(bio_.get(), address.c_str());
    SSL* ssl = nullptr;
    BIO_get_ssl(bio_.get(), &ssl);
    SSL_set1_host(ssl, "localhost");
    SSL_set_tlsext_host_name(ssl, "localhost");
    if (!alpn.empty())
      SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(alpn.data()),
                          static_cast<unsigned>(alpn.size()));
    connected_ = BIO_do_connect(bio_.get()) == 1 && BIO_do_handshake(bio_.get()) == 1;
    if (!connected_) {
      const long verified = SSL_get_verify_result(ssl);
      problem_ = verified == X509_V_OK ? "no connection" : X509_verify_cert_error_string(verified);
      ERR_clear_error();
      return;
    }
    const timeval patience{10, 0};
    ::setsockopt(SSL_get_fd(ssl), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }

  bool connected() const { return connected_; }
  /// Why not.
  const std::string& problem() const { return problem_; }

  /// A request with a body, and what is answered, header and all.
  std::string ask(const std::string& method, const std::string& path, const std::string& body = "",
                  const std::string& type = "application/json") {
    return send(method + " " + path + " HTTP/1.1\r\nHost: scanflow-webhook.scanflow.svc\r\n" +
                "Content-Type: " + type + "\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body);
  }
  std::string send(const std::string& text) {
    write(text);
    return read_answer();
  }
  void write(const std::string& text) {
    std::size_t sent = 0;
    while (sent < text.size()) {
      const int wrote =
          BIO_write(bio_.get(), text.data() + sent,
                    static_cast<int>(std::min<std::size_t>(text.size() - sent, 1 << 20)));
      if (wrote <= 0) break;  // it may have answered already
      sent += static_cast<std::size_t>(wrote);
    }
  }

 private:
  struct Free {
    void operator()(BIO* bio) const { BIO_free_all(bio); }
  };

  void trust(const std::string& ca) {
    const std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(ca.data(), static_cast<int>(ca.size())));
    const std::unique_ptr<X509, decltype(&X509_free)> root(
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
    if (!root) throw std::runtime_error("the CA is no PEM");
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), root.get());
  }

  /// A header and as much as it says.
  std::string read_answer() {
    std::string answer;
    std::array<char, 16384> piece;
    while (true) {
      const std::size_t end = answer.find("\r\n\r\n");
      if (end != std::string::npos) {
        const std::size_t said = answer.find("Content-Length: ");
        const std::size_t size = said < end ? std::stoul(answer.substr(said + 16)) : 0;
        if (answer.size() >= end + 4 + size) return answer;
      }
      const int got = BIO_read(bio_.get(), piece.data(), piece.size());
      if (got <= 0) return answer;
      answer.append(piece.data(), static_cast<std::size_t>(got));
    }
  }

  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<BIO, Free> bio_;
  bool connected_ = false;
  std::string problem_;
};

}  // namespace scanflow::test
