#include "engine/services/sampler.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <utility>

#include "sdk/base/clock.hpp"

namespace scanflow::services {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds kSampleEach{250};

struct SampledFigure {
  const char* field;  // of Services::list
  const char* metric;
  bool is_counter;
  double unit = 1;  // of the field, in that of the metric
};
constexpr std::array kSampledFigures{
    SampledFigure{"requests", "service_requests_total", true},
    SampledFigure{"failed", "service_errors_total", true},
    SampledFigure{"in_flight", "service_in_flight", false},
    SampledFigure{"replicas", "service_replicas_wanted", false},
    SampledFigure{"ready", "service_replicas_ready", false},
    SampledFigure{"p50_us", "service_latency_p50_seconds", false, 1e-6},
    SampledFigure{"p99_us", "service_latency_p99_seconds", false, 1e-6}};

}  // namespace

std::vector<ServiceSample> samples_of(const json& services, std::int64_t now_us) {
  std::vector<ServiceSample> samples;
  for (json row : services) {
    if (row.contains("requests") && row.contains("errors"))
      row["failed"] = std::round(row.at("requests").get<double>() * row.at("errors").get<double>());
    for (const SampledFigure& each : kSampledFigures) {
      const auto found = row.find(each.field);
      if (found == row.end() || !found->is_number()) continue;
      samples.push_back({each.metric, each.is_counter, row.at("namespace"), row.at("name"), now_us,
                         found->get<double>() * each.unit});
    }
  }
  return samples;
}

Sampler::Sampler(std::function<json()> list, std::function<void(const ServiceSample&)> take)
    : list_(std::move(list)), take_(std::move(take)), thread_([this] { loop(); }) {}

Sampler::~Sampler() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Sampler::loop() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    lock.unlock();
    for (const ServiceSample& each : samples_of(list_(), wall_us())) take_(each);
    lock.lock();
    changed_.wait_for(lock, kSampleEach, [this] { return ending_; });
  }
}

}  // namespace scanflow::services
