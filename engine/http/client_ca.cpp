#include "engine/http/client_ca.hpp"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <utility>
#include <vector>

#include "engine/http/openssl.hpp"

namespace scanflow::http {
namespace {

/// A certificate that nobody vouches for does not end the handshake: it is then as if there were
/// none, and the refusal is an answer that says why.
int go_on(int /*verified*/, X509_STORE_CTX* /*context*/) { return 1; }

std::vector<std::string> entries_of(X509_NAME* name, int id) {
  std::vector<std::string> entries;
  for (int at = X509_NAME_get_index_by_NID(name, id, -1); at >= 0;
       at = X509_NAME_get_index_by_NID(name, id, at)) {
    unsigned char* text = nullptr;
    const int size =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (size < 0) continue;
    entries.emplace_back(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
    OPENSSL_free(text);
  }
  return entries;
}

}  // namespace

Result<std::shared_ptr<const ClientCa>> ClientCa::of(const std::string& pem) {
  std::shared_ptr<X509_STORE> store(X509_STORE_new(), X509_STORE_free);
  const Owned<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  bool any = false;
  while (store && bio) {
    const Owned<X509> certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!certificate) break;
    any = X509_STORE_add_cert(store.get(), certificate.get()) == 1 || any;
  }
  if (!any) return fail("the CA of clients is no PEM with a certificate");
  return std::shared_ptr<const ClientCa>(new ClientCa(std::move(store)));
}

void ClientCa::ask_of(SSL* connection) const {
  constexpr unsigned char kContext[] =
      "clients";  // else a session with a certificate cannot resume
  SSL_set_session_id_context(connection, kContext, sizeof(kContext));
  SSL_set1_verify_cert_store(connection, store_.get());
  SSL_set_verify(connection, SSL_VERIFY_PEER, go_on);
}

std::optional<ClientSubject> subject_of(SSL* connection) {
  const Owned<X509> certificate(SSL_get1_peer_certificate(connection));
  if (!certificate || SSL_get_verify_result(connection) != X509_V_OK) return std::nullopt;
  X509_NAME* name = X509_get_subject_name(certificate.get());
  const std::vector<std::string> names = entries_of(name, NID_commonName);
  if (names.empty()) return std::nullopt;
  return ClientSubject{names.front(), entries_of(name, NID_organizationName)};
}

}  // namespace scanflow::http
