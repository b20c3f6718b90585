// A step that says when it began and ended. Built twice: with and without libtorch, which makes the
// warm parent as large as that of any step that uses it.
#include <time.h>

#include <cstdint>
#include <scanflow/step.hpp>

#ifdef SCANFLOW_STAMP_TORCH
#include <ATen/ATen.h>
#endif

namespace {

std::int64_t now_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

struct StampConfig {
  std::int64_t busy_us = 0;
  template <class V>
  void fields(V& f) {
    f("busy_us", busy_us).min(0).doc("how long it computes, in microseconds");
  }
};

class Stamp : public scanflow::Step {
 public:
  using Config = StampConfig;
  static scanflow::Description describe() {
    return {.id = "bench.stamp", .version = "1.0.0", .summary = "Says when it began and ended"};
  }
  explicit Stamp(Config config) : config_(std::move(config)) {}

  nlohmann::json run(scanflow::Context&) override {
    const std::int64_t begin = now_us();
    double sum = 0;
    do {
#ifdef SCANFLOW_STAMP_TORCH
      constexpr std::int64_t kSide = 64;
      sum += at::mm(at::ones({kSide, kSide}), at::ones({kSide, kSide})).sum().item<double>();
#else
      sum += 1;
#endif
    } while (now_us() - begin < config_.busy_us);
    return {{"sum", sum}, {"begin_us", begin}, {"end_us", now_us()}};
  }

 private:
  StampConfig config_;
};

}  // namespace

SCANFLOW_PLUGIN("stamp", "1.0.0", Stamp)
