// A service: its graph, the versions of its nodes, and the requests that are on their way. One call of
// a model at a time, on the threads of its runner, and beside it one of each model that only waits for
// another process; what comes meanwhile waits in the queue of its node, and goes together as a batch.
// Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/infer/flow.hpp"
#include "engine/infer/histogram.hpp"
#include "engine/infer/message.hpp"
#include "engine/infer/model.hpp"
#include "engine/infer/traffic.hpp"

namespace scanflow::infer {

/// The threads that a service runs on, and their clock.
class Runner {
 public:
  virtual ~Runner() = default;
  /// Runs it soon, on one of the threads, after what is posted already.
  virtual void post(std::function<void()> work) = 0;
  /// Runs it on a thread that may wait, beside the others.
  virtual void apart(std::function<void()> work) = 0;
  virtual void at(std::int64_t time_us, std::function<void()> work) = 0;
  virtual std::int64_t now_us() const = 0;  // monotonic
};

struct Version {
  Share share;
  std::shared_ptr<Model> model;
  std::string source = {};  // what it was loaded from
};

struct ServiceLimits {
  std::int64_t batch_rows = 1;      // of one call, at most
  std::int64_t batch_delay_us = 0;  // that a request waits for others, while no call runs
  std::size_t requests = 256;       // on their way, at most: past them 429
};

struct VersionStatus {
  Share share;
  std::uint64_t requests = 0, failures = 0, calls = 0, rows = 0;
  std::uint64_t compared = 0,
                alike = 0;  // of a shadow: rows, and those that the live one answered alike
  Histogram call;           // how long a call took
};
struct NodeStatus {
  std::string name;
  NodeType type = NodeType::model;
  std::vector<VersionStatus> versions;
  Histogram queued;  // how long a request waited before its call
};
struct ServiceStatus {
  std::vector<NodeStatus> nodes;
  std::size_t requests = 0;  // on their way now
  std::uint64_t answered = 0, failed = 0, refused = 0, expired = 0;
  Histogram total;  // from ask to answer, of those that succeeded
};

class Service {
 public:
  struct Ask {
    Request request;
    std::string version = {};      // of its MODEL nodes; empty: by weight
    std::int64_t deadline_us = 0;  // of the runner's clock; 0: none
    std::function<void(const Request&, Answered<Answer>)> then =
        {};  // once, on any thread; not under a lock
  };

  /// `versions`: of each node of the flow, at least one. The runner outlives it, and calls nothing
  /// of it afterwards.
  Service(Flow flow, std::vector<std::vector<Version>> versions, ServiceLimits limits,
          Runner& runner);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  const Flow& flow() const { return flow_; }
  void ask(Ask ask);
  /// Gives a node these versions from now on. Returns when those that are gone, or whose weight is 0
  /// now, answer nothing any more: after the call that runs. Not on the runner's threads.
  void set_versions(NodeIndex node, std::vector<Version> versions);
  std::vector<Version> versions(NodeIndex node) const;
  /// Answers those whose deadline is over, where they wait or not; to be called every few
  /// milliseconds while there are requests.
  void expire();
  ServiceStatus status() const;
  std::size_t requests() const;  // on their way
  /// Has one call run for longer than any should? Whoever supervises this ends the process.
  bool stuck() const;
  /// Is a call of a model that waits for another process under way, whoever still wants its answer?
  bool calls_apart() const;

 private:
  struct Call;
  struct Served;
  struct Item;
  struct Batch;
  struct Shadowed;
  struct Node;
  struct Finished {
    std::shared_ptr<Call> call;
    Answered<Answer> answer;
  };
  using Lock = std::unique_lock<std::mutex>;

  void lead();
  void call_apart(Batch batch);
  bool is_called(const Served& served) const;
  bool is_version(const std::string& version) const;  // of some MODEL node
  bool has_work() const;
  void run(Batch& batch, std::vector<Finished>& finished);
  void run_each(Batch& batch, std::vector<Finished>& finished);
  void run_shadow(Shadowed& shadowed);
  std::optional<Batch> take_batch(std::vector<Finished>& finished);
  std::optional<Batch> take_from(NodeIndex index, std::vector<Finished>& finished);
  bool drop_settled(Node& node, std::vector<Finished>& finished);
  void refuse_misfits(Batch& batch, std::vector<Finished>& finished);
  std::shared_ptr<Served> choose(Node& node, const Batch& batch);
  bool due(const Node& node, std::int64_t rows);
  void wake_at(std::int64_t time_us);
  void wake();
  void advance(const Batch& batch, std::vector<std::vector<Tensor>> parts,
               std::vector<Finished>& finished);
  void enqueue_ready(const std::shared_ptr<Call>& call);
  void settle(const std::shared_ptr<Call>& call, Answered<Answer> answer,
              std::vector<Finished>& finished);
  void settle_expired(const std::shared_ptr<Call>& call, std::vector<Finished>& finished);
  void copy_to_shadows(const Batch& batch, const std::vector<Tensor>& inputs,
                       const std::vector<Tensor>& outputs);
  static void tell(std::vector<Finished>& finished);

  const Flow flow_;
  const ServiceLimits limits_;
  Runner& runner_;
  mutable std::mutex mutex_;  // guards all that follows
  std::condition_variable ran_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::deque<std::shared_ptr<Shadowed>> shadowed_;
  std::vector<std::shared_ptr<Call>> calls_;  // on their way
  bool busy_ = false;                         // somebody leads
  std::int64_t running_since_us_ = 0;
  const Served* running_ = nullptr;  // whose call runs
  std::int64_t woken_at_ = 0;        // the earliest timer that is set; 0: none
  ServiceStatus counts_;             // but its nodes
};

}  // namespace scanflow::infer
