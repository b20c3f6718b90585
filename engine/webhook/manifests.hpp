// What a cluster needs for the webhook: namespace, Secret, Deployment, Service, and the configuration
// by which API servers ask it. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace scanflow::webhook {

struct Installation {
  std::string name_space = "scanflow";
  bool makes_namespace = false;
  std::string image;               // of the engine
  std::vector<std::string> flags;  // of `scanflow webhook`, beside certificate and address
  int replicas = 2;
  std::string tls_secret = "scanflow-webhook-tls";  // with tls.crt and tls.key
  /// PEM: what signed the certificate in that Secret.
  std::string ca;
  /// PEM, for the Secret; empty: it is there already.
  std::string certificate, key;
};

/// The names that the certificate must have: of the Service.
std::vector<std::string> dns_names(const std::string& name_space);

/// In the order in which they are to be applied.
nlohmann::json manifests(const Installation& installation);

}  // namespace scanflow::webhook
