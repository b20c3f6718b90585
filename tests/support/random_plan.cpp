#include "tests/support/random_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace scanflow::support {

using namespace std::chrono_literals;

namespace {

pipeline::Approval random_approval(std::mt19937& random) {
  pipeline::Approval approval{.wanted = true};
  if (random() % 2 == 0) approval.timeout_us = 5'000'000;
  approval.approve_after = random() % 2 == 0;
  return approval;
}

/// It runs, and nobody has asked for a second attempt.
bool may_be_hedged(const run::Machine& machine, std::uint32_t step) {
  return machine.step(step).status == run::StepStatus::running && !machine.awaits_hedge(step) &&
         machine.in_flight(step).size() == 1 &&
         machine.stopping(step, machine.step(step).attempt) == Cause::none;
}

}  // namespace

std::shared_ptr<const pipeline::Plan> random_plan(std::mt19937& random) {
  std::vector<Def> steps;
  const int main = 1 + static_cast<int>(random() % 12);
  const int handlers = static_cast<int>(random() % 5);
  for (int i = 0; i < main + handlers; ++i) {
    Def step("s" + std::to_string(i));
    const int first = i < main ? 0 : main;
    if (i >= main) step.phase(static_cast<Phase>(1 + random() % 3));
    std::vector<std::string> needs;
    for (int j = first; j < i; ++j) {
      const bool same_phase = steps[j].spec().phase == step.spec().phase;
      if (same_phase && random() % 4 == 0) needs.push_back("s" + std::to_string(j));
    }
    step.needs(needs);
    if (random() % 3 == 0) step.when("${{ x }}");
    if (random() % 3 == 0) step.retry(random() % 3);
    if (random() % 4 == 0) step.timeout(2s);
    if (random() % 6 == 0) step.spec().for_each = "${{ x }}";
    if (random() % 6 == 0) step.spec().max_parallel = 1 + random() % 2;
    if (random() % 6 == 0) step.spec().allow_failure = true;
    if (random() % 4 == 0) step.spec().priority = static_cast<std::int32_t>(random() % 3) - 1;
    if (random() % 6 == 0) step.spec().approve = random_approval(random);
    steps.push_back(step);
  }
  const auto plan = plan_of(steps, random() % 3);
  auto pipeline = std::make_shared<pipeline::Pipeline>(*plan->pipeline);
  pipeline->fail_fast = random() % 4 == 0;
  if (random() % 4 == 0) pipeline->timeout_us = 20'000'000;
  auto changed = std::make_shared<pipeline::Plan>(*plan);
  changed->pipeline = std::move(pipeline);
  return changed;
}

bool happen(World& world, std::mt19937& random, bool may_go_wrong) {
  if (world.machine().status() != run::RunStatus::running) return false;
  const auto& running = world.in_flight();
  const auto& asked = world.asked();
  const std::size_t choices = running.size() + asked.size();
  const bool wrong = may_go_wrong && random() % 4 == 0;
  std::string awaiting = world.awaiting();
  awaiting = awaiting.substr(0, awaiting.find(' '));
  if (may_go_wrong && random() % 40 == 0) {
    world.cancel();
  } else if (!awaiting.empty() && (choices == 0 || random() % 5 == 0)) {
    wrong ? world.reject(awaiting) : world.approve(awaiting);
  } else if (choices == 0 || (random() % 5 == 0 && world.next_wake() > 0us)) {
    if (world.next_wake() <= 0us) {
      ADD_FAILURE() << "stuck: " << world.status() << "\n" << world.history();
      return false;
    }
    world.advance(world.next_wake());
  } else if (const std::size_t pick = random() % choices; pick < running.size()) {
    const std::string step = world.id(running[pick].step);
    const std::uint32_t attempt = running[pick].attempt;
    if (may_be_hedged(world.machine(), running[pick].step) && random() % 4 == 0) {
      world.hedge(step);
      return true;
    }
    static constexpr Cause kCauses[] = {Cause::crash, Cause::error, Cause::oom, Cause::cancelled};
    wrong ? world.fail(step, kCauses[random() % 4], "why", attempt)
          : world.succeed(step, {{"x", attempt}}, attempt);
  } else {
    const std::string step = world.id(asked[pick - running.size()]);
    const auto answer = random() % 6;
    const std::uint32_t index = world.index(step);
    const bool whole = world.machine().group(index) == run::kNoStep;
    const bool expands = whole && !world.machine().spec_of(index).for_each.is_null();
    if (wrong && answer == 0) {
      world.fail_to_resolve(step);
    } else if (answer == 1) {
      world.skip(step);
    } else if (expands) {
      world.expand(step, json(std::vector<int>(1 + random() % 3, 7)));
    } else if (answer == 2) {
      world.cached(step);
    } else {
      world.resolve(step, {{"with", {{"n", 1}}}});
    }
  }
  return true;
}

}  // namespace scanflow::support
