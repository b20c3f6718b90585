#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/infer/flow.hpp"

namespace scanflow::infer {
namespace {

bool passes_on(NodeType type) {
  return type == NodeType::router || type == NodeType::outlier_detector;
}

void append_named(std::vector<Tensor>& into, const std::string& node,
                  std::span<const Tensor> tensors) {
  for (Tensor tensor : tensors) {
    tensor.name = node + "." + tensor.name;
    into.push_back(std::move(tensor));
  }
}

}  // namespace

Passage::Passage(const Flow& flow, std::vector<Tensor> inputs)
    : flow_(flow),
      inputs_(std::move(inputs)),
      states_(flow.nodes().size(), State::waits),
      outputs_(flow.nodes().size()),
      open_(flow.nodes().size()) {
  settle();
}

std::vector<NodeIndex> Passage::take_ready() {
  for (const NodeIndex node : ready_) states_[node] = State::given_out;
  return std::exchange(ready_, {});
}

std::span<const Tensor> Passage::given_by(NodeIndex node) const {
  const auto passed = passed_on_.find(node);
  return passed != passed_on_.end() ? std::span<const Tensor>(passed->second)
                                    : std::span<const Tensor>(outputs_[node]);
}

std::vector<Tensor> Passage::inputs_of(NodeIndex node) const {
  const auto needs = flow_.needs(node);
  if (needs.empty()) return inputs_;
  if (needs.size() == 1) {
    const auto given = given_by(needs[0]);
    return {given.begin(), given.end()};
  }
  std::vector<Tensor> all;
  for (const graph::Node need : needs) {
    if (states_[need] == State::done) append_named(all, flow_.nodes()[need].name, given_by(need));
  }
  return all;
}

Answered<void> Passage::done(NodeIndex node, std::vector<Tensor> outputs) {
  const NodeType type = flow_.nodes()[node].type;
  if (passes_on(type)) passed_on_[node] = inputs_of(node);
  outputs_[node] = std::move(outputs);
  states_[node] = State::done;
  --open_;
  if (type == NodeType::router) {
    if (auto routed = route(node); !routed) return routed;
  }
  settle();
  return {};
}

Answered<void> Passage::route(NodeIndex router) {
  const auto branches = flow_.dependents(router);
  const auto& outputs = outputs_[router];
  const auto route = std::find_if(outputs.begin(), outputs.end(), [](const Tensor& tensor) {
    return tensor.name == "route" && tensor.datatype == SCANFLOW_INT64 &&
           tensor.data.size() == sizeof(std::int64_t);
  });
  const std::string& name = flow_.nodes()[router].name;
  if (route == outputs.end()) {
    return refuse(
        500, fmt::format("the router '{}' gave no output 'route' of INT64 and shape [1]", name));
  }
  std::int64_t chosen = 0;
  std::memcpy(&chosen, route->data.data(), sizeof chosen);
  if (chosen < -1 || chosen >= static_cast<std::int64_t>(branches.size())) {
    return refuse(500, fmt::format("the router '{}' chose branch {}; it has {} (-1: all of them)",
                                   name, chosen, branches.size()));
  }
  for (std::size_t i = 0; i < branches.size(); ++i) {
    if (chosen == -1 || static_cast<std::int64_t>(i) == chosen) continue;
    if (states_[branches[i]] != State::waits) continue;
    states_[branches[i]] = State::skipped;
    --open_;
  }
  return {};
}

void Passage::settle() {
  for (const graph::Node node : flow_.order()) {
    if (states_[node] != State::waits) continue;
    const auto needs = flow_.needs(node);
    if (!std::all_of(needs.begin(), needs.end(), [&](graph::Node need) { return settled(need); }))
      continue;
    const bool reached =
        needs.empty() || std::any_of(needs.begin(), needs.end(), [&](graph::Node need) {
          return states_[need] == State::done;
        });
    if (!reached) {
      states_[node] = State::skipped;
      --open_;
    } else if (std::find(ready_.begin(), ready_.end(), node) == ready_.end()) {
      ready_.push_back(node);
    }
  }
}

std::vector<Tensor> Passage::result() const {
  std::vector<NodeIndex> ends;
  std::vector<Tensor> all;
  for (const graph::Node node : flow_.order()) {
    if (states_[node] != State::done) continue;
    const FlowNode& spec = flow_.nodes()[node];
    if (spec.type == NodeType::outlier_detector) append_named(all, spec.name, outputs_[node]);
    const auto dependents = flow_.dependents(node);
    const bool last = std::none_of(dependents.begin(), dependents.end(),
                                   [&](graph::Node next) { return states_[next] == State::done; });
    if (last && !passes_on(spec.type)) ends.push_back(node);
  }
  if (ends.size() == 1) {
    all.insert(all.begin(), outputs_[ends[0]].begin(), outputs_[ends[0]].end());
  } else {
    for (const NodeIndex end : ends) append_named(all, flow_.nodes()[end].name, outputs_[end]);
  }
  return all;
}

}  // namespace scanflow::infer
