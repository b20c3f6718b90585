#include "engine/http/trust.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <array>
#include <vector>

#include "engine/http/openssl.hpp"

namespace scanflow::http {
namespace {

Owned<BIO> read_from(const std::string& pem) {
  ERR_clear_error();
  return Owned<BIO>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

/// The certificates of a PEM text, the first one first; an error where it has none, or half of one.
Result<std::vector<Owned<X509>>> certificates_of(const std::string& pem, const char* what) {
  const Owned<BIO> bio = read_from(pem);
  std::vector<Owned<X509>> all;
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))
    all.emplace_back(next);
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string said = reason();
  if (all.empty() || !at_end) {
    return fail(fmt::format("{} is {}: PEM is wanted, with -----BEGIN CERTIFICATE-----", what,
                            at_end ? "empty of certificates" : "malformed (" + said + ")"));
  }
  return all;
}

Result<void> believe(SSL_CTX* context, const std::string& ca) {
  if (ca.empty()) {
    SSL_CTX_set_default_verify_paths(context);
    return {};
  }
  auto roots = certificates_of(ca, "the CA of the server");
  if (!roots) return tl::unexpected(roots.error());
  for (const auto& root : *roots) X509_STORE_add_cert(SSL_CTX_get_cert_store(context), root.get());
  // A cluster's CA may be one that another has signed, whom nobody gave.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
  return {};
}

Result<void> use_certificate(SSL_CTX* context, const std::string& pem, std::int64_t now_s) {
  auto chain = certificates_of(pem, "the client's certificate");
  if (!chain) return tl::unexpected(chain.error());
  const std::int64_t ends_s = seconds_of(X509_get0_notAfter(chain->front().get()));
  if (ends_s <= now_s) {
    return fail(
        fmt::format("the client's certificate expired on {}: have another one made", day(ends_s)));
  }
  const std::int64_t begins_s = seconds_of(X509_get0_notBefore(chain->front().get()));
  if (begins_s > now_s) {
    return fail(fmt::format(
        "the client's certificate is valid from {} on, and here it is {}: set the clock",
        day(begins_s), day(now_s)));
  }
  if (SSL_CTX_use_certificate(context, chain->front().get()) != 1)
    return fail("the client's certificate cannot be used: " + reason());
  for (std::size_t i = 1; i < chain->size(); ++i)
    SSL_CTX_add1_chain_cert(context, (*chain)[i].get());
  return {};
}

Result<void> use_key(SSL_CTX* context, const std::string& pem) {
  const Owned<BIO> bio = read_from(pem);
  bool asked = false;
  const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, &asked));
  if (asked) return fail("the client's key has a password: openssl pkey writes it without one");
  if (!key) return fail(fmt::format("the client's key is no private key in PEM ({})", reason()));
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    ERR_clear_error();
    return fail("the client's key is not that of its certificate");
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<SSL_CTX>> client_context(const Trust& trust, std::int64_t now_s) {
  static constexpr std::array<unsigned char, 9> kHttp = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!context) return fail("cannot begin with TLS: " + reason());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_alpn_protos(context.get(), kHttp.data(), kHttp.size());
  if (auto done = believe(context.get(), trust.ca); !done) return tl::unexpected(done.error());
  if (trust.certificate.empty() != trust.key.empty())
    return fail("a client has a certificate and a key, or neither");
  if (trust.certificate.empty()) return context;
  if (auto done = use_certificate(context.get(), trust.certificate, now_s); !done)
    return tl::unexpected(done.error());
  if (auto done = use_key(context.get(), trust.key); !done) return tl::unexpected(done.error());
  return context;
}

}  // namespace scanflow::http
