// Signs certificates of clients, whose names are users and whose organizations are groups.
#pragma once

#include <memory>
#include <string>
#include <vector>

struct evp_pkey_st;  // OpenSSL's
struct x509_st;      // OpenSSL's

namespace scanflow::test::kube {

struct ClientPair {
  std::string certificate, key;  // PEM
};

class ClientCa {
 public:
  ClientCa();
  /// PEM.
  std::string pem() const;
  ClientPair issue(const std::string& name, const std::vector<std::string>& groups) const;

 private:
  std::shared_ptr<evp_pkey_st> key_;
  std::shared_ptr<x509_st> certificate_;
};

}  // namespace scanflow::test::kube
