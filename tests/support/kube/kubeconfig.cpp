#include <fmt/format.h>

#include "engine/http/base64.hpp"
#include "tests/support/kube/server.hpp"

namespace scanflow::test::kube {
namespace {

std::string text_of(const KubeServer& server, const std::string& name_space,
                    const std::string& user) {
  return fmt::format(R"(apiVersion: v1
kind: Config
current-context: test
clusters:
- name: test
  cluster:
    server: {}
    tls-server-name: localhost
    certificate-authority-data: {}
contexts:
- name: test
  context:
    cluster: test
    user: test
    namespace: {}
users:
- name: test
  user:
{})",
                     server.url(), http::base64(server.ca()), name_space, user);
}

}  // namespace

std::string KubeServer::kubeconfig(const std::string& token, const std::string& name_space) const {
  return text_of(*this, name_space, fmt::format("    token: {}\n", token));
}

std::string KubeServer::kubeconfig(const ClientPair& pair, const std::string& name_space) const {
  return text_of(*this, name_space,
                 fmt::format("    client-certificate-data: {}\n    client-key-data: {}\n",
                             http::base64(pair.certificate), http::base64(pair.key)));
}

}  // namespace scanflow::test::kube
