// ResNet-50 by itself: images per call, threads.
#include <benchmark/benchmark.h>

#include "plugins/steps/imagenet/classifier.hpp"

namespace scanflow::imagenet {
namespace {

void classify(benchmark::State& state) {
  Classifier classifier({}, 1, static_cast<int>(state.range(1)));
  const std::vector<float> images(static_cast<std::size_t>(state.range(0)) * kPixels, 0.5F);
  for (auto _ : state) benchmark::DoNotOptimize(classifier.classify(images));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(classify)
    ->ArgsProduct({{1, 2, 4, 8}, {1, 2}})
    ->ArgNames({"images", "threads"})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace scanflow::imagenet
