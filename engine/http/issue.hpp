// Makes a certificate for a server, and a CA of its own that signs it. The CA's key is gone when
// this returns: nobody can sign another one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::http {

struct Issued {
  std::string ca, certificate, key;  // PEM; the key is ECDSA P-256, PKCS #8
};

struct IssueOrder {
  std::vector<std::string> names;                  // DNS names; the first is the common name, too
  std::int64_t not_before_s = 0, not_after_s = 0;  // Unix time
};

Result<Issued> issue_certificate(const IssueOrder& order);

}  // namespace scanflow::http
