// Certificates of a test's own, in files.
#pragma once

#include <ctime>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/http/certificate.hpp"
#include "engine/http/issue.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {

inline constexpr std::int64_t kDay_s = 86'400;

/// For localhost, from `from_s` to `to_s` seconds from now.
inline http::Issued issue(std::int64_t from_s = -kDay_s, std::int64_t to_s = 30 * kDay_s,
                          std::vector<std::string> names = {"localhost"}) {
  const std::int64_t now_s = std::time(nullptr);
  auto issued = http::issue_certificate({std::move(names), now_s + from_s, now_s + to_s});
  if (!issued) throw std::runtime_error(issued.error().message);
  return std::move(*issued);
}

/// Where they are written.
struct IssuedFiles {
  explicit IssuedFiles(const std::filesystem::path& directory)
      : files{directory / "tls.crt", directory / "tls.key"} {}
  void write(const http::Issued& issued) const {
    test::write(files.chain, issued.certificate);
    test::write(files.key, issued.key);
  }
  http::CertificateFiles files;
};

/// What lies there, as a server takes it; throws where that cannot be used.
inline std::shared_ptr<http::Certificate> opened(const IssuedFiles& at) {
  auto certificate = http::Certificate::open(
      at.files, {[] { return std::int64_t{std::time(nullptr)}; }, [](const std::string&) {}});
  if (!certificate) throw std::runtime_error(certificate.error().message);
  return *certificate;
}

}  // namespace scanflow::test
