#include "tests/support/world.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace scanflow::support {

using run::Event;
using run::EventType;
using run::StepStatus;

World::World(std::shared_ptr<const pipeline::Plan> plan, std::uint32_t slots,
             run::RunStatus at_first)
    : plan_(std::move(plan)), machine_(std::make_unique<run::Machine>(plan_, 42)), slots_(slots) {
  know_instances();
  Event created{.type = EventType::run_created, .status = at_first, .time_us = now_us_};
  machine_->apply(created);
  events_.push_back(std::move(created));
  decide();
}

World::World(std::shared_ptr<const pipeline::Plan> plan, std::uint32_t slots,
             const std::vector<Event>& committed, std::int64_t now_us)
    : plan_(std::move(plan)),
      machine_(std::make_unique<run::Machine>(plan_, 42)),
      slots_(slots),
      now_us_(now_us) {
  for (const Event& event : committed) {
    machine_->apply(event);
    events_.push_back(event);
    const Flight flight{event.step, event.attempt};
    if (event.type == EventType::attempt_started) running_.push_back(flight);
    if (event.type == EventType::attempt_ended) std::erase(running_, flight);
  }
  know_instances();
  decide();
}

void World::know_instances() {
  for (auto i = static_cast<std::uint32_t>(index_.size()); i < machine_->size(); ++i) {
    index_[id(i)] = i;
  }
}

World& World::succeed(const std::string& step, json outputs, std::uint32_t attempt) {
  feed(EventType::attempt_ended, index(step), Cause::none,
       outputs.is_null() ? json() : json{{"outputs", std::move(outputs)}}, attempt);
  return *this;
}

World& World::fail(const std::string& step, Cause cause, std::string message,
                   std::uint32_t attempt) {
  feed(EventType::attempt_ended, index(step), cause, {{"message", std::move(message)}}, attempt);
  return *this;
}

World& World::hedge(const std::string& step) {
  feed(EventType::hedge_requested, index(step), Cause::none, {{"by", "ada"}});
  return *this;
}

World& World::resolve(const std::string& step, json data) {
  feed(EventType::step_resolved, index(step), Cause::none, std::move(data));
  return *this;
}

World& World::expand(const std::string& step, json items) {
  feed(EventType::step_expanded, index(step), Cause::none, {{"items", std::move(items)}});
  return *this;
}

World& World::approve(const std::string& step, const std::string& by) {
  feed(EventType::approval_given, index(step), Cause::none, {{"outputs", {{"by", by}}}});
  return *this;
}

World& World::reject(const std::string& step, const std::string& by) {
  feed(EventType::approval_refused, index(step), Cause::rejected, {{"by", by}});
  return *this;
}

World& World::conclude(Cause cause) {
  EXPECT_TRUE(std::exchange(concluding_, false)) << "was not asked for";
  feed(EventType::run_concluded, run::kNoStep, cause, {{"outputs", {{"x", 1}}}, {"message", "no"}});
  return *this;
}

World& World::start() {
  feed(EventType::run_started, run::kNoStep);
  return *this;
}

World& World::skip(const std::string& step) {
  feed(EventType::step_skipped, index(step));
  return *this;
}

World& World::cached(const std::string& step) {
  feed(EventType::step_cached, index(step), Cause::none, {{"outputs", json::object()}});
  return *this;
}

World& World::fail_to_resolve(const std::string& step, Cause cause) {
  feed(EventType::step_failed, index(step), cause, {{"message", "broken expression"}});
  return *this;
}

World& World::cancel() {
  feed(EventType::cancel_requested, run::kNoStep);
  return *this;
}

World& World::advance(microseconds time) {
  now_us_ += time.count();
  decide();
  return *this;
}

World& World::set_slots(std::uint32_t slots) {
  slots_ = slots;
  decide();
  return *this;
}

void World::feed(EventType type, std::uint32_t step, Cause cause, json data,
                 std::uint32_t attempt) {
  Event event{.type = type, .cause = cause, .step = step, .time_us = now_us_};
  if (!data.is_null()) event.data = std::make_shared<const json>(std::move(data));
  if (type == EventType::attempt_ended) {
    event.attempt = attempt > 0 ? attempt : machine_->step(step).attempt;
    event.cause = machine_->cause_of_end(step, event.attempt, cause);
    if (std::erase(running_, Flight{step, event.attempt}) == 0)
      throw std::logic_error(id(step) + " is not running");
    check_winner(event);
  }
  if (type == EventType::hedge_requested) event.attempt = machine_->step(step).attempt;
  if (type == EventType::step_resolved || type == EventType::step_expanded ||
      type == EventType::step_skipped || type == EventType::step_cached ||
      type == EventType::step_failed) {
    if (std::erase(resolving_, step) == 0) throw std::logic_error(id(step) + " was not asked for");
  }
  machine_->apply(event);
  last_input_ = events_.size();
  events_.push_back(std::move(event));
  know_instances();
  decide();
}

void World::decide() {
  const auto in_flight = static_cast<std::uint32_t>(running_.size());
  const run::Decisions decided =
      machine_->decide(now_us_, slots_ > in_flight ? slots_ - in_flight : 0);
  events_.insert(events_.end(), decided.events.begin(), decided.events.end());
  for (const run::Effect& effect : decided.effects) {
    switch (effect.kind) {
      case run::Effect::Kind::resolve:
        EXPECT_EQ(std::count(resolving_.begin(), resolving_.end(), effect.step), 0)
            << id(effect.step) << " was asked for twice";
        check_start(effect.step);
        resolving_.push_back(effect.step);
        break;
      case run::Effect::Kind::launch:
        EXPECT_EQ(effect.attempt, machine_->step(effect.step).attempts);
        check_start(effect.step);
        check_retry(effect);
        running_.push_back({effect.step, effect.attempt});
        break;
      case run::Effect::Kind::stop:
        EXPECT_TRUE(
            std::count(running_.begin(), running_.end(), Flight{effect.step, effect.attempt}) == 1)
            << id(effect.step) << " is stopped, and does not run";
        stops_.push_back(fmt::format(
            "{}{}({})", id(effect.step),
            machine_->step(effect.step).hedges > 0 ? fmt::format("#{}", effect.attempt) : "",
            pipeline::name(effect.cause)));
        break;
      case run::Effect::Kind::conclude:
        EXPECT_FALSE(std::exchange(concluding_, true)) << "was asked for twice";
        break;
    }
  }
  EXPECT_EQ(machine_->running(), running_.size());
  std::size_t by_kind = 0;
  for (const run::Running& each : machine_->running_by_kind()) by_kind += each.count;
  EXPECT_EQ(by_kind, running_.size());
  EXPECT_TRUE(machine_->status() <= run::RunStatus::running || running_.empty())
      << "the run has ended before its last attempt";
  EXPECT_LE(running_.size(), std::max(slots_, in_flight));
  if (const std::uint32_t limit = plan_->pipeline->max_parallel) {
    EXPECT_LE(running_.size(), limit);
  }
  wake_us_ = decided.wake_us;
  EXPECT_TRUE(wake_us_ == 0 || wake_us_ > now_us_) << "asks to be woken in the past";
}

void World::check_start(std::uint32_t step) const {
  const auto in_flight = std::count_if(running_.begin(), running_.end(),
                                       [&](const Flight& each) { return each.step == step; });
  const bool beside = machine_->step(step).hedges > 0 && machine_->in_flight(step).size() == 2;
  EXPECT_EQ(in_flight, beside ? 1 : 0) << id(step) << " started twice at once";
  const std::uint32_t group = machine_->group(step);
  if (group != run::kNoStep) {
    EXPECT_EQ(machine_->step(group).status, StepStatus::expanded) << id(step);
  }
  for (const graph::Node need : plan_->graph.needs(group != run::kNoStep ? group : step)) {
    const StepStatus at = machine_->step(need).status;
    const bool allowed = at == StepStatus::failed && machine_->spec_of(need).allow_failure;
    EXPECT_TRUE(at == StepStatus::succeeded || at == StepStatus::cached ||
                at == StepStatus::skipped || allowed)
        << id(step) << " started while " << id(need) << " was " << name(at);
  }
}

void World::check_retry(const run::Effect& launch) const {
  if (launch.attempt == 1) return;
  const std::vector<run::InFlight> attempts = machine_->in_flight(launch.step);
  if (attempts.size() == 2) {
    EXPECT_TRUE(attempts[1].hedge);
    const auto asked = std::count_if(events_.begin(), events_.end(), [&](const Event& event) {
      return event.type == EventType::hedge_requested && event.step == launch.step;
    });
    EXPECT_LE(machine_->step(launch.step).hedges, asked) << id(launch.step);
    return;
  }
  std::int64_t wake_us = 0;
  for (const Event& event : events_) {
    if (event.type == EventType::retry_scheduled && event.step == launch.step) {
      wake_us = event.wake_us;
    }
  }
  EXPECT_GT(wake_us, 0) << id(launch.step) << " started again, and no retry was scheduled";
  EXPECT_LE(wake_us, now_us_) << id(launch.step) << " started again before its time";
}

/// Never two winners; what a step has is its winner's.
void World::check_winner(const Event& end) const {
  const auto won = std::count_if(events_.begin(), events_.end(), [&](const Event& event) {
    return event.type == EventType::attempt_ended && event.step == end.step &&
           event.cause == Cause::none;
  });
  EXPECT_LE(won + (end.cause == Cause::none ? 1 : 0), 1) << id(end.step) << " succeeded twice";
  const run::StepState& before = machine_->step(end.step);
  if (before.status != StepStatus::succeeded) return;
  for (const Event& event : events_) {
    if (event.type != EventType::attempt_ended || event.step != end.step ||
        event.cause != Cause::none)
      continue;
    EXPECT_EQ(event.attempt, before.attempt);
    EXPECT_EQ(event.data, before.result) << "outputs of another attempt";
  }
}

std::string World::running() const {
  std::string text;
  for (const auto& [step, attempt] : running_) {
    if (!text.empty()) text += ' ';
    text += id(step);
    if (attempt > 1) text += fmt::format("#{}", attempt);
  }
  return text;
}

std::string World::resolving() const {
  std::string text;
  for (const std::uint32_t step : resolving_) text += (text.empty() ? "" : " ") + id(step);
  return text;
}

std::string World::awaiting() const {
  std::string text;
  for (std::uint32_t i = 0; i < machine_->size(); ++i) {
    if (machine_->step(i).status != StepStatus::awaiting) continue;
    text += (text.empty() ? "" : " ") + id(i);
  }
  return text;
}

std::string World::stops() const {
  std::string text;
  for (const std::string& each : stops_) text += (text.empty() ? "" : " ") + each;
  return text;
}

microseconds World::next_wake() const {
  return microseconds(wake_us_ == 0 ? 0 : wake_us_ - now_us_);
}

const run::StepState& World::state(const std::string& step) const {
  return machine_->step(index(step));
}

std::string World::status(const std::string& step) const {
  const run::StepState& at = state(step);
  if (at.cause == Cause::none) return std::string(name(at.status));
  return fmt::format("{} ({})", name(at.status), pipeline::name(at.cause));
}

std::string World::history(std::size_t from) const {
  std::string text;
  for (std::size_t i = from; i < events_.size(); ++i) {
    text += name(events_[i].type);
    if (events_[i].step != run::kNoStep) text += " " + id(events_[i].step);
    text += i + 1 < events_.size() ? "; " : "";
  }
  return text;
}

std::uint32_t World::index(const std::string& step) const {
  const auto found = index_.find(step);
  if (found == index_.end()) throw std::logic_error("the test names no step " + step);
  return found->second;
}

std::string describe(const run::Machine& machine) {
  std::string text =
      fmt::format("{} running {} done {}\n", machine.summary(), machine.running(), machine.done());
  for (std::uint32_t i = 0; i < machine.size(); ++i) {
    const run::StepState& step = machine.step(i);
    text += fmt::format("{} {} {} attempts {} at {} {} {} resolved {} result {}\n",
                        machine.planned(i).id, name(step.status), pipeline::name(step.cause),
                        step.attempts, step.first_started_us, step.started_us, step.ended_us,
                        step.resolved ? step.resolved->dump() : "-",
                        step.result ? step.result->dump() : "-");
    text += fmt::format("attempt {} hedges {}{}", step.attempt, step.hedges,
                        machine.awaits_hedge(i) ? " and one more" : "");
    for (const run::InFlight& each : machine.in_flight(i))
      text += fmt::format(" [{} since {} {}{}]", each.attempt, each.started_us,
                          pipeline::name(each.stopping), each.hedge ? " hedge" : "");
    text += "\n";
  }
  return text;
}

}  // namespace scanflow::support
