// The Open Inference Protocol's endpoints of one service:
//   GET  /v2                                     the server
//   GET  /v2/health/live, /v2/health/ready
//   GET  /v2/models/NAME[/versions/V]            what it takes and gives
//   GET  /v2/models/NAME[/versions/V]/ready
//   POST /v2/models/NAME[/versions/V]/infer      one inference; X-Request-Timeout-Ms: its deadline
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/http/message.hpp"
#include "engine/infer/service.hpp"

namespace scanflow::infer {

inline constexpr const char* kTimeoutHeader = "X-Request-Timeout-Ms";
/// Its value, 1 ms to a day; nothing where it is none.
std::optional<std::chrono::milliseconds> timeout_in(std::string_view text);

inline constexpr std::uint64_t kMaxBody = 64u << 20;  // bytes of one request

/// Thread-safe.
class Endpoints {
 public:
  Endpoints(std::string name, Runner& runner) : name_(std::move(name)), runner_(runner) {}
  /// From now on it is ready; until then only what is alive can be asked.
  void serve(Service& service) { service_ = &service; }
  /// It answers what comes still, but says that it is not ready.
  void retire() { retired_ = true; }
  bool ready() const { return service_ != nullptr && !retired_; }

  /// False where the path is none of these.
  bool handle(http::Request& request, const http::Reply& reply);

 private:
  void infer(Service& service, http::Request& request, std::string version,
             const http::Reply& reply);
  http::Response describe(const Service& service) const;
  /// Sees to it that what has a deadline is answered then.
  void expire_at(std::int64_t time_us);

  std::string name_;
  Runner& runner_;
  std::atomic<Service*> service_ = nullptr;
  std::atomic<bool> retired_ = false;
  std::atomic<bool> expiring_ = false;  // a timer is set
};

/// {"error": message}, as the protocol has it; of 429 and 503 with Retry-After.
http::Response refusal(int status, const std::string& message);

}  // namespace scanflow::infer
