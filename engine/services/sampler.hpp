// Tells the figures of services as samples, so that triggers and expressions see them. A thread of its own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace scanflow::services {

struct ServiceSample {
  std::string name;  // service_requests_total, ...
  bool is_counter = false;
  std::string name_space, service;  // its labels: "namespace", "service"
  std::int64_t time_us = 0;         // wall clock
  double value = 0;
};

/// What Services::list says of them, as samples; what is not known is left out.
std::vector<ServiceSample> samples_of(const nlohmann::json& services, std::int64_t now_us);

class Sampler {
 public:
  /// Both are called on its thread; outlive it.
  Sampler(std::function<nlohmann::json()> list, std::function<void(const ServiceSample&)> take);
  ~Sampler();

 private:
  void loop();

  const std::function<nlohmann::json()> list_;
  const std::function<void(const ServiceSample&)> take_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace scanflow::services
