#include "engine/run/machine.hpp"

#include <stdexcept>
#include <utility>

#include "engine/run/machine_impl.hpp"

namespace scanflow::run {
namespace {

bool needs_resolve(const pipeline::Step& step) {
  if (!step.when.empty() || step.with_is_dynamic || step.cache.enabled) return true;
  for (const auto& [key, value] : step.env) {
    if (value.find("${{") != std::string::npos) return true;
  }
  return false;
}

}  // namespace

std::string_view name(StepStatus status) {
  static constexpr std::array<std::string_view, 9> kNames{"pending", "ready",     "waiting",
                                                          "running", "succeeded", "cached",
                                                          "skipped", "failed",    "cancelled"};
  return kNames.at(static_cast<std::size_t>(status));
}

Machine::Impl::Impl(std::shared_ptr<const pipeline::Plan> the_plan, std::uint64_t jitter_seed)
    : plan(std::move(the_plan)), seed(jitter_seed) {
  const auto size = static_cast<std::uint32_t>(plan->steps.size());
  if (plan->graph.size() != size) throw std::logic_error("a plan's graph has one node per step");
  steps.resize(size);
  nodes.resize(size);
  counts[static_cast<std::size_t>(StepStatus::pending)] = size;

  std::vector<bool> spec_needs_resolve;
  spec_needs_resolve.reserve(plan->pipeline->steps.size());
  for (const pipeline::Step& spec : plan->pipeline->steps) {
    spec_needs_resolve.push_back(needs_resolve(spec));
  }
  const std::vector<double> paths =
      graph::critical_path(plan->graph, std::vector<double>(size, 1.0));
  for (std::uint32_t i = 0; i < size; ++i) {
    StepNode& node = nodes[i];
    node.missing = static_cast<std::uint32_t>(plan->graph.needs(i).size());
    node.path = static_cast<float>(paths[i]);
    node.phase = plan->spec_of(i).phase;
    node.needs_resolve = spec_needs_resolve[plan->steps[i].spec];
    ++remaining_of(node.phase);
    if (node.phase != Phase::main) handlers[static_cast<std::size_t>(node.phase)].push_back(i);
  }
}

Machine::Machine(std::shared_ptr<const pipeline::Plan> plan, std::uint64_t jitter_seed)
    : impl_(std::make_unique<Impl>(std::move(plan), jitter_seed)) {}
Machine::~Machine() = default;

void Machine::apply(const Event& event) { impl_->apply(event); }
Decisions Machine::decide(std::int64_t now_us, std::uint32_t slots) {
  return impl_->decide(now_us, slots);
}

Cause Machine::cause_of_end(std::uint32_t step, Cause reported) const {
  const Cause stopping = impl_->nodes.at(step).stopping;
  return reported == Cause::none || stopping == Cause::none ? reported : stopping;
}

RunStatus Machine::status() const { return impl_->status; }
const pipeline::Plan& Machine::plan() const { return *impl_->plan; }
const StepState& Machine::step(std::uint32_t index) const { return impl_->steps.at(index); }
std::uint32_t Machine::running() const { return impl_->count(StepStatus::running); }
std::uint32_t Machine::done() const {
  return static_cast<std::uint32_t>(impl_->steps.size()) - impl_->count(StepStatus::pending) -
         impl_->count(StepStatus::ready) - impl_->count(StepStatus::waiting) -
         impl_->count(StepStatus::running);
}
std::uint32_t Machine::count(StepStatus status) const { return impl_->count(status); }
bool Machine::cancelling() const { return impl_->cancelled; }
std::string Machine::summary() const { return impl_->summary(); }

}  // namespace scanflow::run
