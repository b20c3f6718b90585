// Owners of OpenSSL's objects, and what it says. Private to engine/http.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <memory>
#include <string>

namespace scanflow::http {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

/// What OpenSSL says last, and forgets then.
std::string reason();
/// "2026-11-29 01:30 UTC"
std::string day(std::int64_t unix_s);
/// Unix time.
std::int64_t seconds_of(const ASN1_TIME* time);
/// For PEM_read_bio_PrivateKey, instead of asking at a terminal: `asked` is a bool.
int no_password(char* buffer, int size, int writing, void* asked);

}  // namespace scanflow::http
