// A Kubernetes API server for tests, in the test's own process: HTTPS on a loopback port, and what a
// real 1.36 was recorded to answer. Nothing runs Pods here: kubelet.hpp does, or the test.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/http/server.hpp"
#include "tests/support/kube/client_ca.hpp"
#include "tests/support/kube/cluster.hpp"
#include "tests/support/kube/status.hpp"
#include "tests/support/kube/timer.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test::kube {

struct ServerOptions {
  ClusterOptions cluster;
  /// How often watches that allow it are sent a bookmark; 0: only by send_bookmarks().
  std::chrono::milliseconds bookmarks = std::chrono::seconds(1);
};

/// All calls: from any thread, except within those that are handed the cluster.
class KubeServer {
 public:
  explicit KubeServer(ServerOptions options = {});
  ~KubeServer();
  KubeServer(const KubeServer&) = delete;
  KubeServer& operator=(const KubeServer&) = delete;

  /// "https://127.0.0.1:PORT"; its certificate is for localhost and for kubernetes.default.svc: see
  /// `tls-server-name` in kubeconfig().
  const std::string& url() const { return url_; }
  /// PEM: signs the server's certificate.
  const std::string& ca() const { return ca_; }

  /// A user of static tokens; the answer is the token. `system:masters` among the groups may do all.
  std::string add_user(const std::string& name, const std::vector<std::string>& groups = {});
  /// A user by a certificate that this server believes.
  ClientPair client_certificate(const std::string& name,
                                const std::vector<std::string>& groups = {});
  /// The text of a kubeconfig file; its namespace is `default` unless said.
  std::string kubeconfig(const std::string& token, const std::string& name_space = "default") const;
  std::string kubeconfig(const ClientPair& pair, const std::string& name_space = "default") const;
  /// Of a user who may do all.
  const std::string& admin_token() const { return admin_; }

  /// Asked in this process, as system:masters, past the faults; not counted.
  Answer ask(const std::string& method, const std::string& target, const json& body = nullptr,
             const std::string& content_type = "application/json");
  /// Makes what a manifest describes (apiVersion, kind, metadata.namespace say where) and gives what
  /// became of it; throws std::runtime_error with the server's message.
  json create(const json& manifest);
  /// The object at a path ("/api/v1/namespaces/a/pods/b"); null where there is none.
  json get(const std::string& path);
  /// For what has no better name here: under the lock, the cluster itself.
  template <class Use>
  auto with(Use use) {
    const std::lock_guard lock(mutex_);
    return use(cluster_);
  }

  /// A rule; see faults.hpp.
  void add_fault(Fault fault);
  void clear_faults();
  /// All history is forgotten: watches that begin before now, and pages that go on, are 410.
  void compact();
  /// Ends all watches of now; `torn`: in the middle of a line.
  void drop_watches(bool torn = false);
  void send_bookmarks();
  Counters counters();

 private:
  void handle(http::Request request, const http::Reply& reply);
  void begin_watch(const Answer& given, const std::vector<Fault>& faults);
  void bookmark_again();

  ServerOptions options_;
  std::recursive_mutex mutex_;  // of cluster_, and of all streams
  Cluster cluster_;
  TempDir files_;
  ClientCa client_ca_;
  std::string ca_, url_, admin_;
  Timer timer_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace scanflow::test::kube
