// Recent metrics: samples in, one by one and in batches, also while others read; queries; and how
// many bytes a sample takes, of series that behave as metrics do.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <random>
#include <thread>

#include "engine/knowledge/knowledge.hpp"

namespace scanflow::knowledge {
namespace {

constexpr std::int64_t kStart = 1'780'000'000'000'000, kSecond = 1'000'000;

std::vector<SeriesId> add_series(Knowledge& knowledge, std::int64_t count,
                                 Kind kind = Kind::gauge) {
  std::vector<SeriesId> ids;
  for (std::int64_t i = 0; i < count; ++i) {
    ids.push_back(*knowledge.add("process_cpu_ratio",
                                 {{"namespace", "mnist-dataengineering"},
                                  {"pod", fmt::format("train-cnn1-{:06}", i)},
                                  {"step", i % 2 == 0 ? "train" : "test"}},
                                 kind, kStart));
  }
  return ids;
}

/// A value of a real metric: some digits, and noise in all bits below.
double noisy(std::mt19937_64& random) { return std::normal_distribution<double>(0.7, 0.1)(random); }

/// One second after another, a batch with a sample of each series, as sidecars send them: values of
/// three digits, a timer's jitter.
class Feed {
 public:
  explicit Feed(const std::vector<SeriesId>& ids) {
    std::mt19937_64 random(1);
    for (const SeriesId id : ids) {
      jitter_.push_back(static_cast<std::int64_t>(random() % 200));
      batch_.push_back({id, {}});
    }
    for (double& value : values_) value = std::round(noisy(random) * 1000) / 1000;
  }
  const std::vector<SeriesSample>& next() {
    ++second_;
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      const std::size_t at = i * 7 + static_cast<std::size_t>(second_) * 13;
      batch_[i].sample = {now_us() - 200 + jitter_[at % jitter_.size()], values_[at % 1024]};
    }
    return batch_;
  }
  std::int64_t now_us() const { return kStart + second_ * kSecond; }

 private:
  std::int64_t second_ = 0;
  std::vector<std::int64_t> jitter_;
  std::array<double, 1024> values_{};
  std::vector<SeriesSample> batch_;
};

void append_each(benchmark::State& state) {
  Knowledge knowledge;
  Feed feed(add_series(knowledge, state.range(0)));
  for (auto _ : state) {
    state.PauseTiming();
    const auto& batch = feed.next();
    state.ResumeTiming();
    for (const SeriesSample& sample : batch) {
      knowledge.append(sample.series, sample.sample, feed.now_us());
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(append_each)->Arg(10'000);

/// `readers` ask about all series all the time.
void append_batches(benchmark::State& state) {
  Knowledge knowledge;
  Feed feed(add_series(knowledge, state.range(0)));
  std::atomic<bool> stop = false;
  std::atomic<std::int64_t> now_us = kStart, queries = 0;
  std::vector<std::thread> readers;
  for (std::int64_t i = 0; i < state.range(1); ++i) {
    readers.emplace_back([&] {
      const Query query{"process_cpu_ratio", {}, Function::avg, 60 * kSecond};
      for (; !stop; ++queries) benchmark::DoNotOptimize(knowledge.ask(query, now_us));
    });
  }
  double longest = 0;
  for (auto _ : state) {
    const auto& batch = feed.next();
    now_us = feed.now_us();
    const auto begin = std::chrono::steady_clock::now();
    knowledge.append(batch, feed.now_us());
    const double took =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    longest = std::max(longest, took);
    state.SetIterationTime(took);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["longest_ms"] = longest * 1e3;
  state.counters["queries"] = static_cast<double>(queries.load());
  const Usage usage = knowledge.usage();
  state.counters["of_budget"] =
      static_cast<double>(usage.bytes) / static_cast<double>(usage.budget_bytes);
}
BENCHMARK(append_batches)
    ->ArgNames({"series", "readers"})
    ->Args({1'000, 0})
    ->Args({10'000, 0})
    ->Args({10'000, 1})
    ->UseManualTime();

/// What keeps up where the memory is full: each block that is filled costs folding an older one.
void append_full(benchmark::State& state) {
  Options options;
  options.budget_bytes = std::size_t{8} << 20;
  Knowledge knowledge(options);
  Feed feed(add_series(knowledge, 1'000));
  while (knowledge.usage().folded == 0) knowledge.append(feed.next(), feed.now_us());
  for (auto _ : state) {
    const auto& batch = feed.next();
    const auto begin = std::chrono::steady_clock::now();
    knowledge.append(batch, feed.now_us());
    state.SetIterationTime(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  state.SetItemsProcessed(state.iterations() * 1'000);
}
BENCHMARK(append_full)->UseManualTime();

enum Shape : std::int64_t { kConstant, kSteady, kCounter, kNoisy };

double value_of(std::int64_t shape, std::int64_t i, std::mt19937_64& random) {
  switch (shape) {
    case kConstant:
      return 512;
    case kSteady:  // such as memory in use: of pages, changing now and then
      return 4096.0 * static_cast<double>(100'000 + i / 5 % 7);
    case kCounter:
      return static_cast<double>(i * 37 + static_cast<std::int64_t>(random() % 5));
    default:
      return noisy(random);
  }
}

/// Bytes of blocks, their heads included, a sample: once raw, once when all is in short buckets.
void bytes_per_sample(benchmark::State& state) {
  const Kind kind = state.range(0) == kCounter ? Kind::counter : Kind::gauge;
  constexpr std::int64_t kSamples = 50'000;
  double raw = 0, bucket = 0;
  for (auto _ : state) {
    for (const bool fold : {false, true}) {
      Options options;
      options.keep_raw_us = fold ? kSecond : 100 * 3600 * kSecond;
      options.keep_short_us = options.keep_long_us = 100 * 3600 * kSecond;
      Knowledge knowledge(options);
      const SeriesId id = add_series(knowledge, 1, kind).front();
      std::mt19937_64 random(1);
      for (std::int64_t i = 1; i <= kSamples; ++i) {
        const std::int64_t time_us =
            kStart + i * kSecond + static_cast<std::int64_t>(random() % 100);
        knowledge.append(id, {time_us, value_of(state.range(0), i, random)}, time_us);
      }
      knowledge.maintain(kStart + (kSamples + 60) * kSecond);
      const double bytes = static_cast<double>(knowledge.usage().blocks * sizeof(Block));
      (fold ? bucket : raw) = bytes / static_cast<double>(kSamples);
    }
  }
  state.counters["raw"] = raw;
  state.counters["a bucket of 30"] = bucket * 30;
}
BENCHMARK(bytes_per_sample)
    ->ArgName("constant_steady_counter_noisy")
    ->DenseRange(kConstant, kNoisy)
    ->Iterations(1);

/// `function` over the last 5 minutes, at one sample a second, of so many series.
void ask(benchmark::State& state, Function function, Kind kind) {
  Knowledge knowledge;
  Feed feed(add_series(knowledge, state.range(0), kind));
  for (int i = 0; i < 600; ++i) knowledge.append(feed.next(), feed.now_us());
  const Query query{"process_cpu_ratio", {}, function, 300 * kSecond, 0.99};
  for (auto _ : state) benchmark::DoNotOptimize(knowledge.ask(query, feed.now_us()));
  state.SetItemsProcessed(state.iterations() * state.range(0) * 300);
}
BENCHMARK_CAPTURE(ask, last, Function::last, Kind::gauge)->Arg(1)->Arg(1'000);
BENCHMARK_CAPTURE(ask, avg, Function::avg, Kind::gauge)->Arg(1)->Arg(1'000);
BENCHMARK_CAPTURE(ask, increase, Function::increase, Kind::counter)->Arg(1)->Arg(1'000);
BENCHMARK_CAPTURE(ask, quantile, Function::quantile, Kind::gauge)->Arg(1)->Arg(1'000);

/// One of a thousand, by a label.
void ask_one_of_many(benchmark::State& state) {
  Knowledge knowledge;
  Feed feed(add_series(knowledge, 1'000));
  for (int i = 0; i < 600; ++i) knowledge.append(feed.next(), feed.now_us());
  Query query{"process_cpu_ratio", {}, Function::avg, 300 * kSecond};
  query.labels.require("pod", LabelSelector::Is::among, {"train-cnn1-000500"});
  for (auto _ : state) benchmark::DoNotOptimize(knowledge.ask(query, feed.now_us()));
}
BENCHMARK(ask_one_of_many);

}  // namespace
}  // namespace scanflow::knowledge
