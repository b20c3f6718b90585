// A server's certificate and its key, in files that somebody renews: they are read again when they
// have changed, and what cannot be used does not replace what can.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sdk/base/result.hpp"

struct ssl_ctx_st;  // OpenSSL's

namespace scanflow::http {

struct CertificateFiles {
  std::filesystem::path chain;  // PEM: the certificate, then those between it and its CA
  std::filesystem::path key;    // PEM, without a password
};

/// What was read: TLS 1.2 or later, with HTTP/1.1.
struct LoadedCertificate {
  std::shared_ptr<ssl_ctx_st> context;
  std::int64_t not_after_s = 0;    // Unix time
  std::vector<std::string> names;  // DNS names and addresses that it is for
};
/// An error says which file is wrong, why, and what to do: it cannot be read, is no PEM, has a
/// password, does not fit the other one, names no host, is not valid at `now_s` (Unix time).
Result<LoadedCertificate> load_certificate(const CertificateFiles& files, std::int64_t now_s);

/// Belongs to the HTTP thread, once its server has begun.
class Certificate {
 public:
  struct Means {
    std::function<std::int64_t()> now_s;          // Unix time
    std::function<void(const std::string&)> log;  // a line: what was read again, or could not be
  };
  static Result<std::shared_ptr<Certificate>> open(CertificateFiles files, Means means);

  /// For a connection that begins now: two calls of stat() where nothing has changed.
  const LoadedCertificate& current();

 private:
  /// Tells two states of a file apart, also where a link leads to another one now.
  struct Stamp {
    std::uint64_t device = 0, inode = 0;
    std::int64_t changed_ns = 0, bytes = 0;
    bool operator==(const Stamp&) const = default;
  };
  struct Stamps {
    Stamp chain, key;
    bool operator==(const Stamps&) const = default;
  };
  Certificate(CertificateFiles files, Means means, Stamps stamps, LoadedCertificate loaded);
  void warn_of_end();
  static Stamp stamp_of(const std::filesystem::path& file);
  static Stamps stamps_of(const CertificateFiles& files);

  const CertificateFiles files_;
  const Means means_;
  Stamps stamps_;  // of what was looked at last
  LoadedCertificate loaded_;
  std::string problem_;  // with what is in the files; said once
  bool warned_ = false;  // that it ends soon
};

}  // namespace scanflow::http
