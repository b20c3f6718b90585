// Looking for secrets in a log, by their number; beside it the anchor: memmem once for each text, as
// a filter for few would do it (it stops at finding, and finds nothing here).
#include <benchmark/benchmark.h>
#include <string.h>

#include <random>

#include "engine/worker/redactor.hpp"
#include "engine/worker/secret_forms.hpp"

namespace scanflow::worker {
namespace {

constexpr std::size_t kPiece = 64u << 10;  // a read of the supervisor's

/// Tokens as services hand them out.
std::vector<std::string> tokens(std::int64_t count) {
  std::mt19937 random(1);
  std::vector<std::string> result;
  for (std::int64_t i = 0; i < count; ++i) {
    std::string token = "tok_";
    for (int k = 0; k < 36; ++k) {
      token += "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[random() % 62];
    }
    result.push_back(std::move(token));
  }
  return result;
}

std::vector<std::string> forms(std::int64_t count) {
  std::vector<std::string> result;
  for (const std::string& token : tokens(count)) {
    for (std::string& form : forms_of(token)) result.push_back(std::move(form));
  }
  return result;
}

std::string log_text() {
  std::mt19937 random(2);
  std::string text;
  while (text.size() < kPiece) {
    text += "2026-01-02T03:04:05.678Z INFO train.cpp:42 epoch " + std::to_string(random() % 100) +
            " batch " + std::to_string(random() % 1000) + " loss 0." + std::to_string(random()) +
            " learning rate 0.001, throughput " + std::to_string(random() % 5000) + " images/s\n";
  }
  text.resize(kPiece);
  return text;
}

void redact_log(benchmark::State& state) {
  Redactor redactor(std::make_shared<const Patterns>(forms(state.range(0))));
  const std::string text = log_text();
  std::string out;
  for (auto _ : state) {
    out.clear();
    redactor.feed(text, out);
    benchmark::DoNotOptimize(out);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kPiece));
}
BENCHMARK(redact_log)->Arg(1)->Arg(10)->Arg(100);

void memmem_each(benchmark::State& state) {
  const std::vector<std::string> all = forms(state.range(0));
  const std::string text = log_text();
  for (auto _ : state) {
    for (const std::string& one : all) {
      benchmark::DoNotOptimize(::memmem(text.data(), text.size(), one.data(), one.size()));
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kPiece));
}
BENCHMARK(memmem_each)->Arg(1)->Arg(10)->Arg(100);

/// Once for each attempt that has secrets.
void make_patterns(benchmark::State& state) {
  const auto all = tokens(state.range(0));
  for (auto _ : state) {
    std::vector<std::string> texts;
    for (const std::string& token : all) {
      for (std::string& form : forms_of(token)) texts.push_back(std::move(form));
    }
    benchmark::DoNotOptimize(Patterns(texts));
  }
}
BENCHMARK(make_patterns)->Arg(1)->Arg(10)->Arg(100)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace scanflow::worker
