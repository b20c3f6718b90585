#include "engine/run/machine.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "engine/run/machine_impl.hpp"

namespace scanflow::run {
namespace {

bool needs_resolve(const pipeline::Step& step) {
  if (!step.when.empty() || step.with_is_dynamic || step.cache.enabled) return true;
  if (!step.for_each.is_null()) return true;
  if (step.approve.message.find("${{") != std::string::npos) return true;
  for (const auto& [key, value] : step.env) {
    if (value.find("${{") != std::string::npos) return true;
  }
  return false;
}

/// Are they alike to every limit?
bool alike(const pipeline::Step& a, const pipeline::Step& b) {
  return a.pool.name == b.pool.name && a.pool.limit == b.pool.limit &&
         a.resources.cpu_request == b.resources.cpu_request &&
         a.resources.memory_request == b.resources.memory_request && a.replicas == b.replicas &&
         a.resources.devices == b.resources.devices &&
         (a.uses == "pipeline") == (b.uses == "pipeline");
}

}  // namespace

std::string_view name(StepStatus status) {
  static constexpr std::array<std::string_view, kStepStatuses> kNames{
      "pending",   "ready",  "awaiting", "waiting", "expanded", "running",
      "succeeded", "cached", "skipped",  "failed",  "cancelled"};
  return kNames.at(static_cast<std::size_t>(status));
}

Machine::Impl::Impl(std::shared_ptr<const pipeline::Plan> the_plan, std::uint64_t jitter_seed)
    : plan(std::move(the_plan)), seed(jitter_seed) {
  const auto size = static_cast<std::uint32_t>(plan->steps.size());
  if (plan->graph.size() != size) throw std::logic_error("a plan's graph has one node per step");
  steps.resize(size);
  nodes.resize(size);
  counts[static_cast<std::size_t>(StepStatus::pending)] = size;

  std::vector<StepNode> of_spec;  // what all steps of one have alike
  of_spec.reserve(plan->pipeline->steps.size());
  for (const pipeline::Step& spec : plan->pipeline->steps) {
    StepNode& node = of_spec.emplace_back();
    node.kind = kind_like(spec);
    node.priority = static_cast<std::int16_t>(spec.priority);
    node.phase = spec.phase;
    node.needs_resolve = needs_resolve(spec);
    node.approved = !spec.approve.wanted;
  }
  const std::vector<double> paths =
      graph::critical_path(plan->graph, std::vector<double>(size, 1.0));
  for (std::uint32_t i = 0; i < size; ++i) {
    StepNode& node = nodes[i];
    node = of_spec[plan->steps[i].spec];
    node.missing = static_cast<std::uint32_t>(plan->graph.needs(i).size());
    node.path = static_cast<std::uint32_t>(paths[i]);
    ++remaining_of(node.phase);
    if (node.phase != Phase::main) handlers[static_cast<std::size_t>(node.phase)].push_back(i);
  }
}

/// Which of `kinds`: one that is there, or a new one.
std::uint32_t Machine::Impl::kind_like(const pipeline::Step& spec) {
  auto known = kinds.end();
  if (spec.max_parallel == 0) {
    known = std::find_if(kinds.begin(), kinds.end(), [&](const Kind& kind) {
      return kind.limit == 0 && alike(*kind.like, spec);
    });
  }
  const auto index = static_cast<std::uint32_t>(known - kinds.begin());
  if (known == kinds.end()) kinds.push_back({.like = &spec, .limit = spec.max_parallel});
  return index;
}

Machine::Machine(std::shared_ptr<const pipeline::Plan> plan, std::uint64_t jitter_seed)
    : impl_(std::make_unique<Impl>(std::move(plan), jitter_seed)) {}
Machine::~Machine() = default;

void Machine::apply(const Event& event) { impl_->apply(event); }
Decisions Machine::decide(std::int64_t now_us, Admission& admission) {
  return impl_->decide(now_us, admission);
}

Cause Machine::cause_of_end(std::uint32_t step, std::uint32_t attempt, Cause reported) const {
  if (impl_->steps.at(step).status != StepStatus::running) return Cause::superseded;
  const Cause stopping = impl_->stopping(step, attempt);
  return reported == Cause::none || stopping == Cause::none ? reported : stopping;
}

RunStatus Machine::status() const { return impl_->status; }
RunStatus Machine::main_status() const {
  if (impl_->phase == Phase::main) return RunStatus::running;
  if (impl_->cancelled) return RunStatus::cancelled;
  return impl_->main_failed() ? RunStatus::failed : RunStatus::succeeded;
}
const pipeline::Plan& Machine::plan() const { return *impl_->plan; }
std::uint32_t Machine::size() const { return static_cast<std::uint32_t>(impl_->steps.size()); }
const pipeline::PlannedStep& Machine::planned(std::uint32_t index) const {
  return impl_->planned(index);
}
const pipeline::Step& Machine::spec_of(std::uint32_t index) const { return impl_->spec_of(index); }
const StepState& Machine::step(std::uint32_t index) const { return impl_->steps.at(index); }
std::uint32_t Machine::group(std::uint32_t index) const { return impl_->nodes.at(index).group; }
std::pair<std::uint32_t, std::uint32_t> Machine::instances(std::uint32_t index) const {
  const auto found = impl_->groups.find(index);
  if (found == impl_->groups.end()) return {0, 0};
  return {found->second.first, found->second.count};
}

std::vector<InFlight> Machine::in_flight(std::uint32_t index) const {
  std::vector<InFlight> all;
  const StepState& step = impl_->steps.at(index);
  const StepNode& node = impl_->nodes[index];
  if (step.status == StepStatus::running)
    all.push_back({step.attempt, step.started_us, node.stopping, node.is_hedge});
  if (const InFlight* other = impl_->beside_of(index); other != nullptr) all.push_back(*other);
  return all;
}
bool Machine::is_in_flight(std::uint32_t index, std::uint32_t attempt) const {
  return impl_->is_in_flight(index, attempt);
}
Cause Machine::stopping(std::uint32_t index, std::uint32_t attempt) const {
  return impl_->stopping(index, attempt);
}
bool Machine::awaits_hedge(std::uint32_t index) const {
  return impl_->nodes.at(index).hedge_wanted;
}
const std::shared_ptr<const json>& Machine::conclusion() const { return impl_->conclusion; }

std::uint32_t Machine::running() const { return impl_->in_flight(); }
std::vector<Running> Machine::running_by_kind() const {
  std::vector<Running> result;
  for (const Kind& kind : impl_->kinds) {
    if (kind.running > 0) result.push_back({kind.like, kind.running});
  }
  return result;
}
std::optional<std::int32_t> Machine::wants() const {
  std::optional<std::int32_t> highest;
  if (impl_->closed() || impl_->status != RunStatus::running) return highest;
  for (Kind& kind : impl_->kinds) {
    if (!impl_->drop_stale(kind)) continue;
    const auto priority = static_cast<std::int32_t>(impl_->nodes[kind.launchable.top()].priority);
    if (!highest || priority > *highest) highest = priority;
  }
  return highest;
}
std::uint32_t Machine::done() const {
  std::uint32_t open = 0;
  for (auto at = StepStatus::pending; at < StepStatus::succeeded;
       at = static_cast<StepStatus>(static_cast<int>(at) + 1)) {
    open += impl_->count(at);
  }
  return size() - open;
}
std::uint32_t Machine::count(StepStatus status) const { return impl_->count(status); }
bool Machine::cancelling() const { return impl_->cancelled; }
std::string Machine::summary() const { return impl_->summary(); }

}  // namespace scanflow::run
