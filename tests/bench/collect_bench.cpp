// What one sample costs the sidecar: CPU time of a Pod with so many processes of 8 threads, each
// with 100 descriptors and 64 MiB. At one a second 0.2 % of a core is 2 ms.
#include <benchmark/benchmark.h>
#include <fcntl.h>

#include <memory>
#include <thread>
#include <vector>

#include "sdk/base/clock.hpp"
#include "sidecar/collect/collector.hpp"
#include "tests/unit/collect/child.hpp"

namespace scanflow::collect {
namespace {

std::vector<std::unique_ptr<Child>> children(std::int64_t count) {
  std::vector<std::unique_ptr<Child>> all;
  for (std::int64_t i = 0; i < count; ++i) {
    all.push_back(std::make_unique<Child>([] {
      touch(64u << 20);
      for (int fd = 0; fd < 100; ++fd) ::open("/dev/null", O_RDONLY);
      for (int thread = 0; thread < 7; ++thread) std::thread([] { ::pause(); }).detach();
      return true;
    }));
  }
  return all;
}

/// `step_us`: how far the collector's clock goes each time, so that what it reads rarely is read as
/// often as in a life.
void sample(benchmark::State& state, std::int64_t step_us) {
  const auto running = children(state.range(0));
  Collector collector(Options{}, {});
  for (const auto& child : running) collector.add({.name = "bench", .pid = child->pid()});
  std::int64_t now = 1;
  collector.sample(now);
  for (auto _ : state) collector.sample(now += step_us);
}

// As in a life: all that is read, averaged, at one sample a second.
BENCHMARK_CAPTURE(sample, each_second, 1'000'000)->Arg(1)->Arg(10)->Unit(benchmark::kMicrosecond);
// Only what each sample reads.
BENCHMARK_CAPTURE(sample, fast_part, 1)->Arg(1)->Arg(10)->Unit(benchmark::kMicrosecond);

// The dear part, for what it is: PSS of one process.
void rollup(benchmark::State& state) {
  const auto running = children(1);
  FileBuffer buffer;
  const Directory directory =
      Directory::open(("/proc/" + std::to_string(running.front()->pid())).c_str());
  for (auto _ : state) benchmark::DoNotOptimize(buffer.read(directory, "smaps_rollup"));
}
BENCHMARK(rollup)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace scanflow::collect
