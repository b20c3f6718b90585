// What goes next: batches out of the queues of the nodes.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "engine/infer/service.hpp"
#include "engine/infer/service_parts.hpp"

namespace scanflow::infer {
namespace {

constexpr std::int64_t kMostRows = 65'536;  // of one request
constexpr std::size_t kMaxShadowed =
    64;  // calls that wait for a shadow; what comes then is not compared

/// Do two answers agree? Numbers of floating point to within a thousandth of their size.
bool alike(const Tensor& a, const Tensor& b) {
  if (a.datatype != b.datatype || a.shape != b.shape) return false;
  if (a.datatype != SCANFLOW_FP32)
    return std::equal(a.data.begin(), a.data.end(), b.data.begin(), b.data.end());
  for (std::size_t at = 0; at + sizeof(float) <= a.data.size(); at += sizeof(float)) {
    float x = 0, y = 0;
    std::memcpy(&x, a.data.data() + at, sizeof x);
    std::memcpy(&y, b.data.data() + at, sizeof y);
    if (std::abs(x - y) > 1e-3F * std::max({1.0F, std::abs(x), std::abs(y)})) return false;
  }
  return true;
}

bool alike(std::span<const Tensor> a, std::span<const Tensor> b) {
  return std::all_of(a.begin(), a.end(), [&](const Tensor& tensor) {
    return std::any_of(b.begin(), b.end(), [&](const Tensor& other) {
      return other.name == tensor.name && alike(tensor, other);
    });
  });
}

/// Of so many rows those whose outputs agree; where they cannot be told apart, all or none.
std::uint64_t alike_rows(std::span<const Tensor> a, std::span<const Tensor> b, std::int64_t rows) {
  const std::vector<std::int64_t> each(static_cast<std::size_t>(rows), 1);
  const auto of_a = split(a, each), of_b = split(b, each);
  if (!of_a || !of_b) return alike(a, b) ? static_cast<std::uint64_t>(rows) : 0;
  std::uint64_t count = 0;
  for (std::size_t row = 0; row < each.size(); ++row) count += alike((*of_a)[row], (*of_b)[row]);
  return count;
}

}  // namespace

/// Those nearest to the end first: what has begun is finished before more begins.
std::optional<Service::Batch> Service::take_batch(std::vector<Finished>& finished) {
  const auto order = flow_.order();
  for (auto node = order.rbegin(); node != order.rend(); ++node)
    if (auto batch = take_from(*node, finished)) return batch;
  if (shadowed_.empty()) return std::nullopt;
  Batch batch;
  batch.shadowed = std::move(shadowed_.front());
  batch.node = batch.shadowed->node;
  batch.served = batch.shadowed->served;
  shadowed_.pop_front();
  return batch;
}

/// Takes those off the queue's front that nobody waits for any more. Is any left?
bool Service::drop_settled(Node& node, std::vector<Finished>& finished) {
  const std::int64_t now = runner_.now_us();
  while (!node.queue.empty()) {
    const auto& call = node.queue.front().call;
    const bool late = call->ask.deadline_us != 0 && now >= call->ask.deadline_us;
    if (late) settle_expired(call, finished);
    if (!call->settled) return true;
    node.queue.pop_front();
  }
  return false;
}

bool Service::due(const Node& node, std::int64_t rows) {
  if (!node.batchable || rows >= limits_.batch_rows || limits_.batch_delay_us == 0) return true;
  const std::int64_t time = node.queue.front().queued_us + limits_.batch_delay_us;
  if (runner_.now_us() >= time) return true;
  wake_at(time);
  return false;
}

std::optional<Service::Batch> Service::take_from(NodeIndex index, std::vector<Finished>& finished) {
  Node& node = *nodes_[index];
  if (node.called) return std::nullopt;
  while (drop_settled(node, finished)) {
    Batch batch;
    batch.node = index;
    const Item& first = node.queue.front();
    std::int64_t rows = 0;
    std::size_t count = 0;
    for (const Item& item : node.queue) {
      const std::int64_t more = node.batchable ? rows_of(item.inputs) : 1;
      const bool joins = count == 0 || (node.batchable && rows + more <= limits_.batch_rows &&
                                        item.call->ask.version == first.call->ask.version &&
                                        fit_together(first.inputs, item.inputs));
      if (!joins) break;
      rows += more;
      ++count;
    }
    if (!due(node, rows)) return std::nullopt;
    for (; count > 0; --count) {
      batch.items.push_back(std::move(node.queue.front()));
      node.queue.pop_front();
    }
    std::erase_if(batch.items, [](const Item& item) { return item.call->settled; });
    batch.served = choose(node, batch);
    if (!batch.served) {
      for (const Item& item : batch.items) {
        settle(item.call,
               refuse(503, fmt::format("the node '{}' has no version that takes requests",
                                       node.status.name)),
               finished);
      }
      continue;
    }
    refuse_misfits(batch, finished);
    if (batch.items.empty()) continue;
    for (const Item& item : batch.items) batch.rows.push_back(rows_of(item.inputs));
    return batch;
  }
  return std::nullopt;
}

void Service::refuse_misfits(Batch& batch, std::vector<Finished>& finished) {
  const loader::Signature& signature = batch.served->version.model->signature();
  std::erase_if(batch.items, [&](const Item& item) {
    auto checked = loader::check_inputs(signature, item.inputs);
    if (checked && signature.batchable && rows_of(item.inputs) > kMostRows)
      checked = fail(fmt::format("the request has more than {} rows; split it", kMostRows));
    if (checked) return false;
    const std::string& why = checked.error().message;
    settle(item.call,
           flow_.needs(batch.node).empty()
               ? refuse(400, why)
               : refuse(500, fmt::format("the node '{}' cannot take what comes from the one before "
                                         "it: {}",
                                         flow_.nodes()[batch.node].name, why)),
           finished);
    return true;
  });
}

std::shared_ptr<Service::Served> Service::choose(Node& node, const Batch& batch) {
  const std::string& pinned = batch.items.front().call->ask.version;
  if (!pinned.empty() && node.status.type == NodeType::model) {
    if (auto found = node.find(pinned)) return found;
    if (!is_version(pinned)) return nullptr;  // it was taken away meanwhile
  }
  const auto next = node.traffic.next(static_cast<std::int64_t>(batch.items.size()));
  return next < 0 ? nullptr : node.versions[static_cast<std::size_t>(next)];
}

void Service::wake_at(std::int64_t time_us) {
  if (woken_at_ != 0 && woken_at_ <= time_us) return;
  woken_at_ = time_us;
  runner_.at(time_us, [this] { wake(); });
}

void Service::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_at_ = 0;
    if (std::exchange(busy_, true)) return;
  }
  lead();
}

void Service::copy_to_shadows(const Batch& batch, const std::vector<Tensor>& inputs,
                              const std::vector<Tensor>& outputs) {
  for (const auto& served : nodes_[batch.node]->versions) {
    if (!served->version.share.shadow || served == batch.served) continue;
    if (shadowed_.size() >= kMaxShadowed) return;
    shadowed_.push_back(std::make_shared<Shadowed>(Shadowed{batch.node, served, inputs, outputs}));
  }
}

void Service::run_shadow(Shadowed& shadowed) {
  const auto& model = shadowed.served->version.model;
  loader::InferOutcome outcome;
  outcome.status = SCANFLOW_INVALID;
  const std::int64_t begun = runner_.now_us();
  if (loader::check_inputs(model->signature(), shadowed.inputs))
    outcome = model->infer(shadowed.inputs);
  const std::int64_t took = runner_.now_us() - begun;
  const std::int64_t rows = model->signature().batchable ? rows_of(shadowed.inputs) : 1;
  const std::uint64_t same = outcome.ok() ? alike_rows(shadowed.outputs, outcome.tensors, rows) : 0;
  const std::lock_guard lock(mutex_);
  VersionStatus& status = shadowed.served->status;
  ++status.calls;
  status.rows += static_cast<std::uint64_t>(rows);
  status.call.add(took);
  if (!outcome.ok()) ++status.failures;
  status.compared += static_cast<std::uint64_t>(rows);
  status.alike += same;
}

}  // namespace scanflow::infer
