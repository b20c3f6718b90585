#include "engine/http/issue.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <string_view>

#include "engine/http/openssl.hpp"

namespace scanflow::http {
namespace {

/// X.509 v3.
constexpr long kVersion = 2;

bool add_extension(X509* certificate, X509* issuer, int id, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, id, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

/// Positive, as RFC 5280 wants it, and never twice.
bool set_serial(X509* certificate) {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(
      BN_bin2bn(bytes.data(), bytes.size(), nullptr), BN_free);
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool is_dns_name(std::string_view name) {
  return !name.empty() && name.size() <= 253 &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '.'; });
}

Owned<X509> begin(const std::string& name, EVP_PKEY* key, const IssueOrder& order) {
  Owned<X509> certificate(X509_new());
  X509_NAME* subject = certificate ? X509_get_subject_name(certificate.get()) : nullptr;
  // Longer common names are against the standard; the names that count are extensions.
  const std::string shown = name.substr(0, 64);
  const bool begun =
      subject != nullptr && X509_set_version(certificate.get(), kVersion) == 1 &&
      set_serial(certificate.get()) &&
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(shown.c_str()), -1, -1,
                                 0) == 1 &&
      ASN1_TIME_set(X509_getm_notBefore(certificate.get()), order.not_before_s) != nullptr &&
      ASN1_TIME_set(X509_getm_notAfter(certificate.get()), order.not_after_s) != nullptr &&
      X509_set_pubkey(certificate.get(), key) == 1;
  return begun ? std::move(certificate) : nullptr;
}

Owned<X509> make_ca(EVP_PKEY* key, const IssueOrder& order) {
  Owned<X509> ca = begin(order.names.front() + " CA", key, order);
  const bool made =
      ca && X509_set_issuer_name(ca.get(), X509_get_subject_name(ca.get())) == 1 &&
      add_extension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
      add_extension(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign,cRLSign") &&
      add_extension(ca.get(), ca.get(), NID_subject_key_identifier, "hash") &&
      X509_sign(ca.get(), key, EVP_sha256()) > 0;
  return made ? std::move(ca) : nullptr;
}

Owned<X509> make_leaf(EVP_PKEY* key, X509* ca, EVP_PKEY* ca_key, const IssueOrder& order) {
  const std::string names = fmt::format("DNS:{}", fmt::join(order.names, ",DNS:"));
  Owned<X509> leaf = begin(order.names.front(), key, order);
  const bool made = leaf && X509_set_issuer_name(leaf.get(), X509_get_subject_name(ca)) == 1 &&
                    add_extension(leaf.get(), ca, NID_basic_constraints, "critical,CA:FALSE") &&
                    add_extension(leaf.get(), ca, NID_key_usage, "critical,digitalSignature") &&
                    add_extension(leaf.get(), ca, NID_ext_key_usage, "serverAuth") &&
                    add_extension(leaf.get(), ca, NID_subject_alt_name, names.c_str()) &&
                    add_extension(leaf.get(), ca, NID_authority_key_identifier, "keyid") &&
                    X509_sign(leaf.get(), ca_key, EVP_sha256()) > 0;
  return made ? std::move(leaf) : nullptr;
}

template <class Write>
std::string pem(Write write) {
  const Owned<BIO> bio(BIO_new(BIO_s_mem()));
  if (!bio || write(bio.get()) != 1) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace

Result<Issued> issue_certificate(const IssueOrder& order) {
  for (const std::string& name : order.names) {
    if (!is_dns_name(name)) return fail(fmt::format("'{}' is no DNS name", name));
  }
  const Owned<EVP_PKEY> ca_key(EVP_EC_gen("P-256")), key(EVP_EC_gen("P-256"));
  const Owned<X509> ca = ca_key && key ? make_ca(ca_key.get(), order) : nullptr;
  const Owned<X509> leaf = ca ? make_leaf(key.get(), ca.get(), ca_key.get(), order) : nullptr;
  if (!leaf) {
    return fail(fmt::format("cannot make a certificate for {}", fmt::join(order.names, ", ")));
  }
  const auto of = [](X509* certificate) {
    return pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
  };
  return Issued{of(ca.get()), of(leaf.get()), pem([&](BIO* bio) {
                  return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr,
                                                       nullptr);
                })};
}

}  // namespace scanflow::http
