// What nodes of an inference graph cost by themselves: images made ready, the best classes.
#include <benchmark/benchmark.h>

#include "plugins/common/random.hpp"
#include "plugins/steps/serving/preprocessor.hpp"
#include "plugins/steps/serving/topk.hpp"

namespace scanflow::serving {
namespace {

const Preprocessing kImageNet = {
    3, 256, 224, true, 1.0 / 255, {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};

std::vector<std::uint8_t> noise_bytes(std::size_t count) {
  data::Random random(1);
  std::vector<std::uint8_t> bytes(count);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.below(256));
  return bytes;
}

void preprocess(benchmark::State& state, const Preprocessing& options, ImageSize size) {
  Preprocessor preprocessor(options);
  const auto image = noise_bytes(size.height * size.width * options.channels);
  for (auto _ : state) benchmark::DoNotOptimize(preprocessor.run(image, size));
}

Preprocessing without_resizing() {
  Preprocessing options = kImageNet;
  options.resize = 0;
  return options;
}

BENCHMARK_CAPTURE(preprocess, 224x224_as_it_is, without_resizing(), ImageSize{224, 224})
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(preprocess, 375x500_to_256_to_224, kImageNet, ImageSize{375, 500})
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(preprocess, 28x28_grey, (Preprocessing{1, 0, 0, true, 1, {0}, {1}}),
                  ImageSize{28, 28})
    ->Unit(benchmark::kMicrosecond);

void best_of_1000(benchmark::State& state) {
  data::Random random(2);
  std::vector<float> scores(1000);
  for (float& score : scores) score = static_cast<float>(random.bell());
  for (auto _ : state) benchmark::DoNotOptimize(top_k(scores, scores.size(), 5, true));
}
BENCHMARK(best_of_1000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace scanflow::serving
