#include "tests/support/kube/client_ca.hpp"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <stdexcept>

namespace scanflow::test::kube {
namespace {

constexpr long kDay_s = 86'400;

std::shared_ptr<EVP_PKEY> new_key() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

void add(X509_NAME* name, const char* field, const std::string& value) {
  X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(value.data()),
                             static_cast<int>(value.size()), -1, 0);
}

void extend(X509* certificate, int id, const char* value) {
  const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
      X509V3_EXT_conf_nid(nullptr, nullptr, id, value), X509_EXTENSION_free);
  X509_add_ext(certificate, extension.get(), -1);
}

std::shared_ptr<X509> begin(EVP_PKEY* key, const std::string& name) {
  std::shared_ptr<X509> made(X509_new(), X509_free);
  std::uint32_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial));
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(made.get()), serial + 1ull);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -kDay_s);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 30 * kDay_s);
  X509_set_pubkey(made.get(), key);
  add(X509_get_subject_name(made.get()), "CN", name);
  return made;
}

template <class Write>
std::string pem_of(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  if (write(bio.get()) != 1) throw std::runtime_error("cannot write PEM");
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
  return pem_of([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

}  // namespace

ClientCa::ClientCa() : key_(new_key()), certificate_(begin(key_.get(), "clients' CA")) {
  X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
  extend(certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  extend(certificate_.get(), NID_key_usage, "critical,keyCertSign");
  if (X509_sign(certificate_.get(), key_.get(), EVP_sha256()) <= 0)
    throw std::runtime_error("cannot sign the CA of clients");
}

std::string ClientCa::pem() const { return pem_of(certificate_.get()); }

ClientPair ClientCa::issue(const std::string& name, const std::vector<std::string>& groups) const {
  const std::shared_ptr<EVP_PKEY> key = new_key();
  const std::shared_ptr<X509> made = begin(key.get(), name);
  for (const std::string& group : groups) add(X509_get_subject_name(made.get()), "O", group);
  X509_set_issuer_name(made.get(), X509_get_subject_name(certificate_.get()));
  extend(made.get(), NID_basic_constraints, "critical,CA:FALSE");
  extend(made.get(), NID_ext_key_usage, "clientAuth");
  if (X509_sign(made.get(), key_.get(), EVP_sha256()) <= 0)
    throw std::runtime_error("cannot sign the certificate of " + name);
  return {pem_of(made.get()), pem_of([&](BIO* bio) {
            return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr,
                                                 nullptr);
          })};
}

}  // namespace scanflow::test::kube
