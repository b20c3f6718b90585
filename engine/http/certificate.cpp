#include "engine/http/certificate.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "engine/http/openssl.hpp"

namespace scanflow::http {
namespace {

/// When its end is warned of.
constexpr std::int64_t kWarnAhead_s = std::int64_t{7} * 86'400;

Owned<BIO> open_file(const std::filesystem::path& file, std::string& problem) {
  ERR_clear_error();
  Owned<BIO> bio(BIO_new_file(file.c_str(), "r"));
  if (!bio) {
    problem = std::strerror(errno);
    ERR_clear_error();
  }
  return bio;
}

std::string address_of(const ASN1_OCTET_STRING* octets) {
  const auto* bytes = ASN1_STRING_get0_data(octets);
  const int size = ASN1_STRING_length(octets);
  if (size == 4) return fmt::format("{}.{}.{}.{}", bytes[0], bytes[1], bytes[2], bytes[3]);
  std::string text;
  for (int i = 0; i + 1 < size; i += 2)
    text += fmt::format("{}{:x}", i == 0 ? "" : ":", bytes[i] * 256 + bytes[i + 1]);
  return text;
}

std::vector<std::string> names_of(X509* certificate) {
  std::vector<std::string> all;
  const Owned<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) {
      const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
      all.emplace_back(text, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
    } else if (name->type == GEN_IPADD) {
      all.push_back(address_of(name->d.iPAddress));
    }
  }
  return all;
}

/// HTTP/1.1 is all that is spoken here: who offers nothing else is told so at once.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned in_size, void*) {
  static constexpr std::array<unsigned char, 9> kHttp = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  const int found =
      SSL_select_next_proto(&chosen, out_size, kHttp.data(), kHttp.size(), in, in_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

Result<std::shared_ptr<SSL_CTX>> new_context() {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) return fail("cannot begin with TLS: " + reason());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  return context;
}

Result<void> load_chain(SSL_CTX* context, const std::filesystem::path& file) {
  std::string problem;
  const Owned<BIO> bio = open_file(file, problem);
  if (!bio) {
    return fail(
        fmt::format("cannot read the certificate {}: {} (a PEM file with the certificate, "
                    "then those between it and its CA)",
                    file.string(), problem));
  }
  bool first = true;
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    const int taken = first ? SSL_CTX_use_certificate(context, next)
                            : static_cast<int>(SSL_CTX_add0_chain_cert(context, next));
    if (first || taken != 1) X509_free(next);
    if (taken != 1)
      return fail(fmt::format("the certificate {} cannot be used: {}", file.string(), reason()));
    first = false;
  }
  // "No start line" is how the end of the file is told.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string said = reason();
  if (first || !at_end) {
    return fail(fmt::format(
        "{} holds {}: a PEM file is wanted, with -----BEGIN CERTIFICATE----- (openssl x509 -in "
        "FILE -inform DER makes one of DER)",
        file.string(), first && at_end ? "no certificate" : "a malformed certificate: " + said));
  }
  return {};
}

Result<void> load_key(SSL_CTX* context, const CertificateFiles& files) {
  std::string problem;
  const Owned<BIO> bio = open_file(files.key, problem);
  if (!bio) {
    return fail(
        fmt::format("cannot read the key {}: {} (a PEM file with the private key of the "
                    "certificate)",
                    files.key.string(), problem));
  }
  bool asked = false;
  const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, &asked));
  if (asked) {
    return fail(
        fmt::format("the key {} has a password, which nobody can type here: openssl pkey "
                    "-in FILE -out FILE writes it without one",
                    files.key.string()));
  }
  if (!key) {
    return fail(
        fmt::format("{} holds no private key: a PEM file is wanted, with -----BEGIN PRIVATE "
                    "KEY----- ({})",
                    files.key.string(), reason()));
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    ERR_clear_error();
    return fail(
        fmt::format("the key {} is not that of the certificate {}: give the two that were "
                    "made together",
                    files.key.string(), files.chain.string()));
  }
  return {};
}

Result<void> check(const LoadedCertificate& loaded, std::int64_t not_before_s, std::int64_t now_s,
                   const std::filesystem::path& file) {
  if (loaded.not_after_s <= now_s) {
    return fail(fmt::format("the certificate {} expired on {}: clients refuse it; renew it",
                            file.string(), day(loaded.not_after_s)));
  }
  if (not_before_s > now_s) {
    return fail(fmt::format(
        "the certificate {} is valid from {} on, and here it is {}: wait, or set the clock",
        file.string(), day(not_before_s), day(now_s)));
  }
  if (loaded.names.empty()) {
    return fail(
        fmt::format("the certificate {} names no host (subjectAltName), so that clients "
                    "refuse it: a common name alone does not count; make it with "
                    "-addext subjectAltName=DNS:NAME",
                    file.string()));
  }
  return {};
}

}  // namespace

Result<LoadedCertificate> load_certificate(const CertificateFiles& files, std::int64_t now_s) {
  auto context = new_context();
  if (!context) return tl::unexpected(context.error());
  if (auto loaded = load_chain(context->get(), files.chain); !loaded)
    return tl::unexpected(loaded.error());
  if (auto loaded = load_key(context->get(), files); !loaded) return tl::unexpected(loaded.error());
  X509* certificate = SSL_CTX_get0_certificate(context->get());
  LoadedCertificate loaded{*context, seconds_of(X509_get0_notAfter(certificate)),
                           names_of(certificate)};
  const std::int64_t not_before_s = seconds_of(X509_get0_notBefore(certificate));
  if (auto checked = check(loaded, not_before_s, now_s, files.chain); !checked)
    return tl::unexpected(checked.error());
  return loaded;
}

Certificate::Certificate(CertificateFiles files, Means means, Stamps stamps,
                         LoadedCertificate loaded)
    : files_(std::move(files)),
      means_(std::move(means)),
      stamps_(stamps),
      loaded_(std::move(loaded)) {}

Result<std::shared_ptr<Certificate>> Certificate::open(CertificateFiles files, Means means) {
  const Stamps stamps = stamps_of(files);  // before: a change in between is seen later
  auto loaded = load_certificate(files, means.now_s());
  if (!loaded) return tl::unexpected(loaded.error());
  return std::shared_ptr<Certificate>(
      new Certificate(std::move(files), std::move(means), stamps, std::move(*loaded)));
}

const LoadedCertificate& Certificate::current() {
  const Stamps stamps = stamps_of(files_);
  if (stamps == stamps_ && problem_.empty()) {
    warn_of_end();
    return loaded_;
  }
  // What could not be used is tried again each time: its files may be half written.
  stamps_ = stamps;
  auto loaded = load_certificate(files_, means_.now_s());
  if (loaded) {
    loaded_ = std::move(*loaded);
    problem_.clear();
    warned_ = false;
    means_.log(fmt::format("the certificate {} was read again: valid until {}",
                           files_.chain.string(), day(loaded_.not_after_s)));
  } else if (loaded.error().message != problem_) {
    problem_ = loaded.error().message;
    means_.log(fmt::format("{}; until then the one before is used, which is valid until {}",
                           problem_, day(loaded_.not_after_s)));
  }
  return loaded_;
}

void Certificate::warn_of_end() {
  if (warned_ || means_.now_s() + kWarnAhead_s < loaded_.not_after_s) return;
  warned_ = true;
  means_.log(fmt::format("warning: the certificate {} ends on {}: renew it, it is read again then",
                         files_.chain.string(), day(loaded_.not_after_s)));
}

Certificate::Stamp Certificate::stamp_of(const std::filesystem::path& file) {
  struct stat facts {};
  if (::stat(file.c_str(), &facts) != 0) return {};
  return {facts.st_dev, facts.st_ino,
          std::int64_t{facts.st_ctim.tv_sec} * 1'000'000'000 + facts.st_ctim.tv_nsec,
          facts.st_size};
}

Certificate::Stamps Certificate::stamps_of(const CertificateFiles& files) {
  return {stamp_of(files.chain), stamp_of(files.key)};
}

}  // namespace scanflow::http
