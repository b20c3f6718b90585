#include "engine/infer/service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/infer/service_parts.hpp"

namespace scanflow::infer {
namespace {

constexpr int kExpired = 504;
constexpr std::int64_t kStuckUs = 120'000'000;

int status_of(std::int32_t outcome) {
  if (outcome == SCANFLOW_INVALID) return 400;
  return outcome == SCANFLOW_RETRYABLE ? 503 : 500;
}

Problem problem_of(const std::string& node, const loader::StepOutcome& outcome) {
  return {status_of(outcome.status), fmt::format("{}: {}", node, outcome.error)};
}

}  // namespace

Service::Service(Flow flow, std::vector<std::vector<Version>> versions, ServiceLimits limits,
                 Runner& runner)
    : flow_(std::move(flow)), limits_(limits), runner_(runner) {
  for (NodeIndex i = 0; i < versions.size(); ++i)
    nodes_.push_back(std::make_unique<Node>(flow_.nodes()[i], std::move(versions[i])));
}

Service::~Service() = default;

void Service::ask(Ask ask) {
  std::optional<Problem> refusal;
  {
    const std::lock_guard lock(mutex_);
    if (calls_.size() >= limits_.requests) {
      refusal = {429, fmt::format("{} requests are on their way, as many as the service takes; try "
                                  "again later",
                                  calls_.size())};
      ++counts_.refused;
    } else if (!ask.version.empty() && !is_version(ask.version)) {
      refusal = {404, fmt::format("no model of the service has a version '{}'", ask.version)};
    } else {
      auto call = std::make_shared<Call>(std::move(ask), flow_, runner_.now_us());
      calls_.push_back(call);
      enqueue_ready(call);
      if (!std::exchange(busy_, true)) runner_.post([this] { lead(); });
    }
  }
  // NOLINTNEXTLINE(bugprone-use-after-move): where it is refused it was not moved
  if (refusal) ask.then(ask.request, tl::unexpected(std::move(*refusal)));
}

/// Makes one call, and comes back where there is more to do: between two calls the thread has
/// connections to serve, and what they bring goes into the next.
void Service::lead() {
  std::vector<Finished> finished;
  Lock lock(mutex_);
  auto batch = take_batch(finished);
  for (; batch && batch->served->version.model->waits(); batch = take_batch(finished))
    call_apart(std::move(*batch));
  if (batch) {
    running_ = batch->served.get();
    running_since_us_ = runner_.now_us();
    lock.unlock();
    batch->shadowed ? run_shadow(*batch->shadowed) : run(*batch, finished);
    lock.lock();
    running_ = nullptr;
    ran_.notify_all();
    if (has_work()) {
      runner_.post([this] { lead(); });
    } else {
      busy_ = false;
    }
  } else {
    busy_ = false;
  }
  lock.unlock();
  tell(finished);
}

void Service::call_apart(Batch batch) {
  nodes_[batch.node]->called = batch.served;
  runner_.apart([this, batch = std::make_shared<Batch>(std::move(batch))] {
    std::vector<Finished> finished;
    run(*batch, finished);
    {
      const std::lock_guard lock(mutex_);
      nodes_[batch->node]->called.reset();
      ran_.notify_all();
      if (has_work() && !std::exchange(busy_, true)) runner_.post([this] { lead(); });
    }
    tell(finished);
  });
}

bool Service::is_called(const Served& served) const {
  return &served == running_ || std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
    return node->called.get() == &served;
  });
}

bool Service::calls_apart() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(nodes_.begin(), nodes_.end(),
                     [](const auto& node) { return node->called != nullptr; });
}

bool Service::is_version(const std::string& version) const {
  return std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
    return node->status.type == NodeType::model && node->find(version) != nullptr;
  });
}

bool Service::has_work() const {
  return !shadowed_.empty() || std::any_of(nodes_.begin(), nodes_.end(), [](const auto& node) {
    return !node->queue.empty() && !node->called;
  });
}

void Service::run(Batch& batch, std::vector<Finished>& finished) {
  std::vector<std::span<const Tensor>> parts;
  parts.reserve(batch.items.size());
  for (const Item& item : batch.items) parts.emplace_back(item.inputs);
  const std::vector<Tensor> inputs = join(parts);
  const std::int64_t begun = runner_.now_us();
  loader::InferOutcome outcome = batch.served->version.model->infer(inputs);
  const std::int64_t took = runner_.now_us() - begun;
  // One request's fault is not the others'; one that may be tried again later is nobody's.
  const bool at_fault = !outcome.ok() && outcome.status != SCANFLOW_RETRYABLE;
  if (at_fault && batch.items.size() > 1) return run_each(batch, finished);

  Answered<std::vector<std::vector<Tensor>>> answers;
  if (!outcome.ok()) {
    answers = tl::unexpected(problem_of(flow_.nodes()[batch.node].name, outcome));
  } else if (batch.items.size() == 1) {
    answers->push_back(outcome.tensors);
  } else {
    answers = split(outcome.tensors, batch.rows);
  }
  const std::lock_guard lock(mutex_);
  VersionStatus& status = batch.served->status;
  ++status.calls;
  status.requests += batch.items.size();
  for (const std::int64_t rows : batch.rows) status.rows += static_cast<std::uint64_t>(rows);
  status.call.add(took);
  for (const Item& item : batch.items)
    nodes_[batch.node]->status.queued.add(begun - item.queued_us);
  if (!answers) {
    status.failures += batch.items.size();
    for (const Item& item : batch.items)
      settle(item.call, tl::unexpected(answers.error()), finished);
    return;
  }
  copy_to_shadows(batch, inputs, outcome.tensors);
  advance(batch, std::move(*answers), finished);
}

void Service::run_each(Batch& batch, std::vector<Finished>& finished) {
  for (std::size_t i = 0; i < batch.items.size(); ++i) {
    Batch one{batch.node, batch.served, {}, {batch.rows[i]}, nullptr};
    one.items.push_back(std::move(batch.items[i]));
    run(one, finished);
  }
}

void Service::advance(const Batch& batch, std::vector<std::vector<Tensor>> parts,
                      std::vector<Finished>& finished) {
  const FlowNode& spec = flow_.nodes()[batch.node];
  for (std::size_t i = 0; i < batch.items.size(); ++i) {
    const auto& call = batch.items[i].call;
    if (call->settled) continue;
    if (spec.type == NodeType::model)
      call->versions[spec.name] = batch.served->version.share.version;
    auto done = call->passage.done(batch.node, std::move(parts[i]));
    if (!done) {
      settle(call, tl::unexpected(done.error()), finished);
    } else if (call->passage.finished()) {
      settle(call, Answer{call->passage.result(), call->versions}, finished);
    } else {
      enqueue_ready(call);
    }
  }
}

void Service::enqueue_ready(const std::shared_ptr<Call>& call) {
  const std::int64_t now = runner_.now_us();
  for (const NodeIndex node : call->passage.take_ready())
    nodes_[node]->queue.push_back({call, call->passage.inputs_of(node), now});
}

void Service::settle(const std::shared_ptr<Call>& call, Answered<Answer> answer,
                     std::vector<Finished>& finished) {
  if (std::exchange(call->settled, true)) return;
  std::erase(calls_, call);
  if (answer) {
    ++counts_.answered;
    counts_.total.add(runner_.now_us() - call->begun_us);
  } else {
    ++(answer.error().status == kExpired ? counts_.expired : counts_.failed);
  }
  finished.push_back({call, std::move(answer)});
}

void Service::settle_expired(const std::shared_ptr<Call>& call, std::vector<Finished>& finished) {
  settle(call, refuse(kExpired, "the deadline of the request is over"), finished);
}

void Service::tell(std::vector<Finished>& finished) {
  for (Finished& one : finished) one.call->ask.then(one.call->ask.request, std::move(one.answer));
}

void Service::expire() {
  std::vector<Finished> finished;
  {
    const std::lock_guard lock(mutex_);
    const std::int64_t now = runner_.now_us();
    for (const auto& call : std::vector(calls_)) {
      if (call->ask.deadline_us == 0 || now < call->ask.deadline_us) continue;
      settle_expired(call, finished);
    }
  }
  tell(finished);
}

void Service::set_versions(NodeIndex node, std::vector<Version> versions) {
  std::vector<std::shared_ptr<Served>> gone;
  Lock lock(mutex_);
  for (const auto& served : nodes_[node]->versions) gone.push_back(served);
  nodes_[node]->set(std::move(versions));
  std::erase_if(gone, [&](const auto& served) {
    const auto& now = nodes_[node]->versions;
    return std::find(now.begin(), now.end(), served) != now.end() &&
           (served->version.share.weight > 0 || served->version.share.shadow);
  });
  ran_.wait(lock, [&] {
    return std::none_of(gone.begin(), gone.end(),
                        [&](const auto& served) { return is_called(*served); });
  });
  std::erase_if(shadowed_, [&](const auto& one) {
    return std::find(gone.begin(), gone.end(), one->served) != gone.end();
  });
  lock.unlock();  // the models that are gone end here
}

std::vector<Version> Service::versions(NodeIndex node) const {
  const std::lock_guard lock(mutex_);
  std::vector<Version> list;
  list.reserve(nodes_[node]->versions.size());
  for (const auto& served : nodes_[node]->versions) list.push_back(served->version);
  return list;
}

bool Service::stuck() const {
  const std::lock_guard lock(mutex_);
  return running_ != nullptr && runner_.now_us() - running_since_us_ > kStuckUs;
}

std::size_t Service::requests() const {
  const std::lock_guard lock(mutex_);
  return calls_.size();
}

ServiceStatus Service::status() const {
  const std::lock_guard lock(mutex_);
  ServiceStatus status = counts_;
  status.requests = calls_.size();
  status.nodes.reserve(nodes_.size());
  for (const auto& node : nodes_) {
    status.nodes.push_back(node->status);
    for (const auto& served : node->versions)
      status.nodes.back().versions.push_back(served->status);
  }
  return status;
}

}  // namespace scanflow::infer
