// What may run at once: pools, requests, priorities; of one run and of several.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "engine/run/scheduler.hpp"
#include "tests/support/world.hpp"

namespace scanflow::run {
namespace {

using support::plan_of;

/// Several runs on one machine, in the order of their coming; noted is what starts.
class Runs : public testing::Test {
 protected:
  Capacity capacity{.jobs = 100, .cpu = 4, .memory = 8ull << 30};

  std::size_t add(const char* yaml, std::uint32_t jobs = 100) { return add(plan_of(yaml), jobs); }
  std::size_t add(std::shared_ptr<const pipeline::Plan> plan, std::uint32_t jobs) {
    runs_.push_back({std::make_unique<Machine>(std::move(plan), 1), jobs});
    runs_.back().machine->apply({.type = EventType::run_created, .time_us = 1});
    return runs_.size() - 1;
  }

  /// One round: "0:a 1:b".
  std::string round() {
    Scheduler scheduler(capacity);
    for (const Run& run : runs_) {
      for (const Running& running : run.machine->running_by_kind()) scheduler.add(running);
    }
    std::string started;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      scheduler.next_run(runs_[i].jobs - runs_[i].machine->running());
      for (const Effect& effect : runs_[i].machine->decide(2, scheduler).effects) {
        if (effect.kind != Effect::Kind::launch) continue;
        started += (started.empty() ? "" : " ") + std::to_string(i) + ":" +
                   runs_[i].machine->planned(effect.step).id;
      }
    }
    return started;
  }

  void succeed(std::size_t run, const std::string& step) {
    Machine& machine = *runs_[run].machine;
    for (std::uint32_t i = 0; i < machine.size(); ++i) {
      if (machine.planned(i).id != step) continue;
      machine.apply({.type = EventType::attempt_ended, .step = i, .attempt = 1, .time_us = 2});
    }
  }

  void hedge(std::size_t run, const std::string& step) {
    Machine& machine = *runs_[run].machine;
    for (std::uint32_t i = 0; i < machine.size(); ++i) {
      if (machine.planned(i).id != step) continue;
      machine.apply({.type = EventType::hedge_requested, .step = i, .attempt = 1, .time_us = 2});
    }
  }

  struct Run {
    std::unique_ptr<Machine> machine;
    std::uint32_t jobs;
  };
  std::vector<Run> runs_;
};

/// With requests and pools drawn by chance; each may run on `capacity`.
std::shared_ptr<const pipeline::Plan> random_plan(std::mt19937& random, const Capacity& capacity) {
  std::vector<support::Def> steps;
  for (int i = 0; i < 8; ++i) {
    support::Def step("s" + std::to_string(i));
    if (i > 2 && random() % 2 == 0) step.needs({"s" + std::to_string(random() % 3)});
    step.spec().priority = static_cast<std::int32_t>(random() % 3);
    auto& resources = step.spec().resources;
    if (random() % 3 == 0)
      resources.cpu_request = capacity.cpu * static_cast<double>(1 + random() % 10) / 10;
    if (random() % 3 == 0) resources.memory_request = capacity.memory * (1 + random() % 4) / 4;
    if (random() % 3 == 0) step.spec().pool = {.name = "one", .limit = 1};
    if (random() % 3 == 0) step.spec().pool = {.name = "two", .limit = 2};
    steps.push_back(step);
  }
  return support::plan_of(steps);
}

TEST_F(Runs, ShareAPool) {
  const char* const yaml = R"(
    steps:
      - {name: a, uses: noop, pool: {name: gpu, limit: 2}}
      - {name: b, uses: noop, pool: {name: gpu, limit: 2}}
      - {name: free, uses: noop}
  )";
  add(yaml);
  add(yaml);
  EXPECT_EQ(round(), "0:a 0:b 0:free 1:free");
  succeed(0, "b");
  EXPECT_EQ(round(), "1:a");
}

TEST_F(Runs, APoolWithoutALimitLetsOneIn) {
  add("steps: [{name: a, uses: noop, pool: db}, {name: b, uses: noop, pool: db}]");
  EXPECT_EQ(round(), "0:a");
  succeed(0, "a");
  EXPECT_EQ(round(), "0:b");
}

TEST_F(Runs, RequestsAreHeldAgainstTheMachine) {
  add(R"(
    steps:
      - {name: a, uses: noop, resources: {requests: {cpu: 3}}}
      - {name: b, uses: noop, resources: {requests: {cpu: 1500m}}}
      - {name: c, uses: noop, resources: {requests: {cpu: 1}}}
      - {name: free, uses: noop}
  )");
  EXPECT_EQ(round(), "0:a 0:free") << "c would fit, but would keep b from ever fitting";
  succeed(0, "a");
  EXPECT_EQ(round(), "0:b 0:c");
}

TEST_F(Runs, MemoryToo) {
  const char* const yaml =
      "steps: [{name: a, uses: noop, resources: {limits: {memory: 5Gi}}}, {name: b, uses: noop}]";
  add(yaml);
  add(yaml);
  EXPECT_EQ(round(), "0:a 0:b 1:b") << "what is not requested is the limit";
  succeed(0, "a");
  EXPECT_EQ(round(), "1:a");
}

TEST_F(Runs, TenthsAddUp) {
  capacity.cpu = 1;
  std::string yaml = "steps:\n";
  for (int i = 0; i < 11; ++i) {
    yaml +=
        "  - {name: s" + std::to_string(i) + ", uses: noop, resources: {requests: {cpu: 0.1}}}\n";
  }
  add(yaml.c_str());
  EXPECT_EQ(round(), "0:s0 0:s1 0:s2 0:s3 0:s4 0:s5 0:s6 0:s7 0:s8 0:s9");
}

TEST_F(Runs, JobsAreLimitedForAllAndForEach) {
  capacity.jobs = 3;
  const char* const yaml =
      "steps: [{name: a, uses: noop}, {name: b, uses: noop}, {name: c, uses: noop}]";
  add(yaml, 1);
  add(yaml);
  EXPECT_EQ(round(), "0:a 1:a 1:b");
}

TEST_F(Runs, HigherPriorityStartsFirstAndThenTheLongestPath) {
  capacity.jobs = 1;
  add(R"(
    steps:
      - {name: plain, uses: noop}
      - {name: low, uses: noop, priority: -100}
      - {name: long, uses: noop}
      - {name: high, uses: noop, priority: 100}
      - {name: after, uses: noop, needs: [long]}
  )");
  for (const char* step : {"high", "long", "plain", "after"}) {
    EXPECT_EQ(round(), std::string("0:") + step);
    succeed(0, step);
  }
  EXPECT_EQ(round(), "0:low");
}

TEST_F(Runs, NeverTakeMoreThanThereIsAndAllComeToAnEnd) {
  std::mt19937 random(7);
  for (int machine = 0; machine < 300 && !HasFailure(); ++machine) {
    runs_.clear();
    capacity = {.jobs = 1 + static_cast<std::uint32_t>(random() % 5),
                .cpu = static_cast<double>(1 + random() % 4),
                .memory = 1ull << 30};
    for (int i = 0; i < 3; ++i) add(random_plan(random, capacity), 1 + random() % 4);
    for (;;) {
      round();
      double cpu = 0;
      std::uint64_t memory = 0;
      std::map<std::string, std::uint32_t> pools;
      std::vector<std::pair<std::size_t, std::string>> running;
      for (std::size_t r = 0; r < runs_.size(); ++r) {
        const Machine& run = *runs_[r].machine;
        EXPECT_LE(run.running(), runs_[r].jobs);
        for (std::uint32_t i = 0; i < run.size(); ++i) {
          if (run.step(i).status != StepStatus::running) continue;
          const pipeline::Step& step = run.spec_of(i);
          running.emplace_back(r, step.name);
          cpu += step.resources.cpu_request;
          memory += step.resources.memory_request;
          if (!step.pool.name.empty()) {
            EXPECT_LE(++pools[step.pool.name], step.pool.limit) << step.pool.name;
          }
        }
      }
      EXPECT_LE(running.size(), capacity.jobs);
      EXPECT_LE(cpu, capacity.cpu + 1e-6);
      EXPECT_LE(memory, capacity.memory);
      if (running.empty()) break;
      const auto& [run, step] = running[random() % running.size()];
      succeed(run, step);
    }
    for (const Run& run : runs_) EXPECT_EQ(run.machine->status(), RunStatus::succeeded);
  }
}

TEST_F(Runs, AGangStartsWhenThereIsRoomForAllOfIt) {
  capacity = {.jobs = 3};
  add(R"(
    steps:
      - {name: small, run: x}
      - {name: gang, run: x, replicas: 3, priority: -1}
      - {name: late, run: x, priority: -2}
  )");
  EXPECT_EQ(round(), "0:small");
  EXPECT_EQ(round(), "") << "small ones do not starve it";
  succeed(0, "small");
  EXPECT_EQ(round(), "0:gang");
  EXPECT_EQ(round(), "");
  succeed(0, "gang");
  EXPECT_EQ(round(), "0:late");
}

TEST_F(Runs, ASecondAttemptWithoutRoomHoldsUpNobody) {
  add("steps: [{name: slow, uses: noop, resources: {requests: {cpu: 3}}}]");
  EXPECT_EQ(round(), "0:slow");
  hedge(0, "slow");
  const auto other = add("steps: [{name: a, uses: noop, resources: {requests: {cpu: 1}}}]");
  EXPECT_EQ(round(), "1:a") << "3 + 3 of 4: nothing is kept free for it";
  capacity.cpu = 6;
  EXPECT_EQ(round(), "") << "it finds no room beside a";
  succeed(other, "a");
  EXPECT_EQ(round(), "0:slow") << "now it does";
}

TEST_F(Runs, WhatIsBehindASecondAttemptWithoutRoomHasItsRoomKept) {
  add(R"(
    steps:
      - {name: slow, uses: noop, resources: {requests: {cpu: 3}}}
      - {name: next, uses: noop, resources: {requests: {cpu: 3}}}
  )");
  EXPECT_EQ(round(), "0:slow");
  hedge(0, "slow");
  add("steps: [{name: a, uses: noop, resources: {requests: {cpu: 1}}}]");
  EXPECT_EQ(round(), "") << "next waits, and small ones cannot starve it";
  succeed(0, "slow");
  EXPECT_EQ(round(), "0:next 1:a");
}

TEST(Scheduler, OtherMachinesLookAfterTheirLimitsThemselves) {
  Scheduler scheduler({.jobs = 1, .cpu = 1, .memory = 1});
  pipeline::Step step;
  step.uses = "command";
  step.resources.cpu_request = 64;
  step.pool = {.name = "licences", .limit = 2};
  scheduler.add({&step, 1}, true);
  scheduler.next_run(100, true);
  EXPECT_TRUE(scheduler.take(step));
  EXPECT_FALSE(scheduler.take(step)) << "a pool counts wherever they run";
  step.pool = {};
  EXPECT_TRUE(scheduler.take(step));
  scheduler.next_run(100);
  EXPECT_FALSE(scheduler.take(step)) << "it does not fit on this machine";
  step.resources = {};
  EXPECT_TRUE(scheduler.take(step)) << "what runs elsewhere takes nothing here";
}

TEST(NeverFits, SaysWhatIsAskedAndWhatIsThere) {
  const Capacity capacity{.jobs = 1, .cpu = 2, .memory = 1ull << 30};
  const std::string fix = "; lower its requests (or limits, which they follow)";
  const auto why = [&](double cpu, std::uint64_t gib, const Capacity& there) {
    pipeline::Step step;
    step.resources.cpu_request = cpu;
    step.resources.memory_request = gib << 30;
    return Scheduler::never_fits(step, there);
  };
  EXPECT_EQ(why(2, 1, capacity), "");
  EXPECT_EQ(why(8, 0, capacity), "it requests 8 CPUs, and this machine has 2" + fix);
  EXPECT_EQ(why(0, 4, capacity),
            "it requests 4.0 GiB of memory, and this machine has 1.0 GiB" + fix);
  EXPECT_EQ(why(8, 4, capacity),
            "it requests 8 CPUs, and this machine has 2; and 4.0 GiB of memory, and this machine "
            "has 1.0 GiB" +
                fix);
  EXPECT_EQ(why(8, 0, Capacity{}), "") << "not known";
}

TEST(NeverFits, AGangNeedsRoomForAllOfIt) {
  pipeline::Step step;
  step.replicas = 4;
  EXPECT_EQ(Scheduler::never_fits(step, {.jobs = 4}), "");
  EXPECT_EQ(Scheduler::never_fits(step, {.jobs = 2}),
            "its 4 replicas start together, and 2 at once may run; give -j 4 or more");
  step.resources.cpu_request = 1;
  EXPECT_EQ(Scheduler::never_fits(step, {.jobs = 4, .cpu = 2}),
            "it requests 4 CPUs, and this machine has 2 (4 replicas); lower its requests (or "
            "limits, which they follow)");
}

TEST(NeverFits, TwoAttemptsNeedRoomBesideEachOther) {
  pipeline::Step step;
  step.resources.cpu_request = 2;
  EXPECT_EQ(Scheduler::never_fits_twice(step, {.jobs = 2, .cpu = 4}), "");
  EXPECT_EQ(Scheduler::never_fits_twice(step, {.jobs = 2}), "") << "not known";
  EXPECT_EQ(Scheduler::never_fits_twice(step, {.jobs = 2, .cpu = 3}),
            "both would request 4 CPUs, and this machine has 3; lower its requests (or limits, "
            "which they follow)");
  EXPECT_EQ(Scheduler::never_fits_twice(step, {.jobs = 1, .cpu = 4}),
            "1 at once may run; give -j 2 or more");
}

}  // namespace
}  // namespace scanflow::run
