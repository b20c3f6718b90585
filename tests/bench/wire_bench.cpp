// The wire without sockets: what one sample costs codec and core, in batches as sidecars send them.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "engine/hub/core.hpp"

namespace scanflow::hub {
namespace {

/// Batches of one sidecar that follow each other; the first names their 100 series.
std::vector<std::string> batches(std::size_t count, std::size_t samples) {
  std::vector<std::string> all;
  std::uint64_t seq = 1, sent = 0;
  for (std::size_t i = 0; i < count; ++i) {
    protocol::Telemetry batch;
    batch.first = sent + 1;
    batch.produced = sent += samples;
    batch.time_us = 1'700'000'000'000'000;
    for (std::uint32_t number = 1; i == 0 && number <= 100; ++number)
      batch.series.push_back({number, "metric_" + std::to_string(number), "gauge", {}});
    for (std::size_t k = 0; k < samples; ++k) {
      batch.numbers.push_back(1 + k % 100);
      batch.times.push_back(static_cast<std::int64_t>(k / 100) * 1'000'000);
      batch.values.push_back(0.1 * static_cast<double>(i * samples + k));
    }
    protocol::Message message;
    message.header.pod_uid = "6b1f4b38-3a7e-4f0a-9d0b-0d5e6f1c2a3b";
    message.header.boot_id = "0193f2c1-0000-7000-8000-000000000001";
    message.header.seq = ++seq;
    message.body = std::move(batch);
    protocol::encode(message, all.emplace_back());
  }
  return all;
}

std::string greeting() {
  protocol::Message message;
  message.header.pod_uid = "6b1f4b38-3a7e-4f0a-9d0b-0d5e6f1c2a3b";
  message.header.boot_id = "0193f2c1-0000-7000-8000-000000000001";
  message.header.seq = 1;
  message.body = protocol::Hello{.role = "sidecar"};
  std::string bytes;
  protocol::encode(message, bytes);
  return bytes;
}

constexpr std::size_t kMessages = 1000;

/// Core::receive of telemetry: decoded, accounted for, handed to the owner.
void telemetry(benchmark::State& state) {
  const auto samples = static_cast<std::size_t>(state.range(0));
  const std::vector<std::string> messages = batches(kMessages, samples);
  const Peer peer{"t1", "key"};
  std::uint64_t came = 0;
  for (auto _ : state) {
    HubEvents events;
    events.series = [](const SidecarKey&, const protocol::Series& series) { return series.number; };
    events.samples = [&](std::span<const Sample> taken) { came += taken.size(); };
    Core core("hub", 1, HubLimits{.credit = kMessages * samples}, std::move(events));
    core.receive(peer, greeting(), 0);
    std::int64_t now_us = 0;
    for (const std::string& each : messages) core.receive(peer, each, now_us += 100'000);
    benchmark::DoNotOptimize(core.take_outgoing());
  }
  const auto all = static_cast<std::int64_t>(kMessages * samples) * state.iterations();
  if (came != static_cast<std::uint64_t>(all)) state.SkipWithError("samples are missing");
  state.SetItemsProcessed(all);
}
BENCHMARK(telemetry)->ArgName("batch")->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);

void encode_batch(benchmark::State& state) {
  const auto messages = batches(2, static_cast<std::size_t>(state.range(0)));
  const protocol::Message message = **protocol::decode(messages[1]);
  std::string out;
  for (auto _ : state) {
    out.clear();
    protocol::encode(message, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(encode_batch)->ArgName("batch")->Arg(100)->Arg(1000);

}  // namespace
}  // namespace scanflow::hub
