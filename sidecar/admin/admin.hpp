// The sidecar's port for probes and scrapers: GET /ready, /live, /metrics; POST /shutdown where that is
// enabled. HTTP by libevent, on the sidecar's own loop.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "sdk/base/result.hpp"
#include "sidecar/loop/loop.hpp"

namespace scanflow::sidecar {

class Admin {
 public:
  struct Answers {
    std::function<bool()> ready;
    std::function<std::string()> metrics;  // as Prometheus reads them
    std::function<void()> shutdown;        // empty: it is not enabled
  };

  /// address: "127.0.0.1:4191"; port 0: any free one.
  static Result<std::unique_ptr<Admin>> open(Loop& loop, const std::string& address,
                                             Answers answers);
  ~Admin();
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;

  /// Where it listens, with its port.
  const std::string& address() const;

 private:
  struct Impl;
  explicit Admin(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace scanflow::sidecar
