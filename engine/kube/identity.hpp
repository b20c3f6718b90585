// Shows an API server who one is, and finds out who it is: with what the kubeconfig says, read again as files
// change and tokens end.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "engine/kube/access.hpp"

struct ssl_ctx_st;  // OpenSSL's

namespace scanflow::kube {

/// What an exec plugin has said (ExecCredential).
struct ExecCredential {
  std::string token, certificate, key;
  std::int64_t expires_us = 0;  // Unix time; 0: not known
};
/// An error names the plugin, what it said, and how it is installed.
Result<ExecCredential> read_exec_credential(const ExecPlugin& plugin, const std::string& output);

/// All calls [any-thread]; they may read files and run the exec plugin, one at a time.
class Identity {
 public:
  /// `now_us`: Unix time.
  Identity(Access access, std::function<std::int64_t()> now_us);

  const Access& access() const { return access_; }
  /// For a connection that begins now; the same one as long as nothing has changed.
  Result<std::shared_ptr<ssl_ctx_st>> context(const std::stop_token& stop);
  /// Of a request that is made now; empty: the certificate says it.
  Result<std::string> authorization(const std::stop_token& stop);
  /// The server knows us not: what can be had anew is. False: nothing can.
  bool renew();

 private:
  Result<std::string> read(const Material& material) const;
  Result<void> run_plugin(const std::stop_token& stop);
  Result<std::string> token();

  const Access access_;
  const std::function<std::int64_t()> now_us_;
  std::mutex mutex_;
  std::string token_;
  std::int64_t token_read_us_ = 0;
  ExecCredential exec_;
  bool has_exec_ = false;
  std::string made_of_;  // what the context was made of
  std::shared_ptr<ssl_ctx_st> context_;
};

}  // namespace scanflow::kube
