// The webhook by which Kubernetes has the sidecar injected: HTTPS, one thread, no state, so that any
// number of them may run.
//
//   POST /inject     an AdmissionReview
//   GET  /live, /ready, /metrics
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/http/certificate.hpp"
#include "engine/inject/settings.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::webhook {

struct Options {
  std::string listen;                  // ADDRESS:PORT, or :PORT
  http::CertificateFiles certificate;  // read again when they change
  inject::Settings settings;
  std::function<void(const std::string&)> log;  // a line. [any-thread]
};

class Webhook {
 public:
  /// Answers when this returns. An error says what is wrong with the certificate, or the address.
  static Result<std::unique_ptr<Webhook>> start(Options options);
  /// Answers what it has begun to answer.
  ~Webhook();

  /// From now on /ready says no: who asks goes elsewhere; those who ask here are answered. [any-thread]
  void take_leave();
  const std::string& address() const;

 private:
  struct Impl;
  explicit Webhook(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace scanflow::webhook
