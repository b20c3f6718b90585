#include "sidecar/collect/gpu.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "tests/unit/collect/fixture.hpp"

namespace scanflow::collect {
namespace {

TEST(Gpus, AreReadOfWhatIsLoadedAtRunTime) {
  Machine machine;
  machine.process({.pid = 10});
  machine.process({.pid = 11, .parent = 10});
  Options options = machine.options();
  options.nvml = SCANFLOW_FAKE_NVML;
  Collector collector(options, machine.say());
  const auto id = collector.add({.name = "train", .pid = 10});
  collector.sample(1 * kSecond);
  ASSERT_EQ(collector.gpus().size(), 2u);
  EXPECT_EQ(collector.gpus()[0].get(Metric::gpu_utilization), 0.4);
  EXPECT_EQ(collector.gpus()[0].get(Metric::gpu_memory_used), 600);
  EXPECT_EQ(collector.gpus()[0].get(Metric::gpu_memory_size), 1000);
  EXPECT_FALSE(collector.gpus()[1].has(Metric::gpu_utilization));
  EXPECT_EQ(collector.values(id).get(Metric::gpu_process_memory), 500);  // of both GPUs
  EXPECT_EQ(collector.values(id).get(Metric::gpu_process_utilization), 0.6);
  EXPECT_EQ(collector.history(id).latest(Signal::gpu_memory_bytes), 500);
  collector.sample(2 * kSecond);
  EXPECT_EQ(collector.values(id).get(Metric::gpu_process_utilization), 0);  // nothing since
  EXPECT_EQ(machine.times_said("gpu_*: Driver Not Loaded"), 1);
}

TEST(Gpus, AMissingLibraryIsSaidOnce) {
  Machine machine;
  Options options = machine.options();
  options.nvml = "libno-such-nvml.so.1";
  Collector collector(options, machine.say());
  for (int i = 1; i < 5; ++i) collector.sample(i * kSecond);
  EXPECT_TRUE(collector.gpus().empty());
  EXPECT_EQ(machine.times_said("there is no libno-such-nvml.so.1 on this machine"), 1);
}

TEST(Gpus, ALibraryWithoutItsDriverSaysWhy) {
  ::setenv("FAKE_NVML", "broken", 1);
  Machine machine;
  Options options = machine.options();
  options.nvml = SCANFLOW_FAKE_NVML;
  Collector collector(options, machine.say());
  collector.sample(1 * kSecond);
  ::unsetenv("FAKE_NVML");
  EXPECT_TRUE(collector.gpus().empty());
  EXPECT_EQ(machine.times_said("Driver Not Loaded"), 1);
}

}  // namespace
}  // namespace scanflow::collect
