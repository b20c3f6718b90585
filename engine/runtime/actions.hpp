// What is asked of objects of a cluster, done by this engine: recorded before it is begun, done once whoever asks how
// often, one after the other for each object. [any-thread]
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/kube/client.hpp"
#include "engine/kube/recorder.hpp"
#include "engine/runtime/action.hpp"
#include "engine/runtime/submission.hpp"
#include "engine/store/store.hpp"

namespace scanflow::runtime {

/// Which cluster an engine is for, and what it may do there. The functions [any-thread].
struct ClusterOptions {
  kube::Whereabouts where;
  std::string name_space;          // where nobody says one; empty: the context's
  orchestrate::AllowList allowed;  // what `patch` may change
  std::function<void(const std::string& line)> log = {};    // null: nobody is told
  std::function<void(const std::string& why)> broken = {};  // nothing can be recorded any more
};

class Actions {
 public:
  /// Those that an earlier engine had begun get the outcome INDETERMINATE: nobody can say how far it came.
  /// `store` outlives it.
  Actions(store::Store& store, ClusterOptions options);
  /// What is under way is broken off (INDETERMINATE), and what waits is REFUSED; both are recorded.
  ~Actions();
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;

  /// Answers {"type": "done", "action": action_document} once it is committed, or "rejected". What becomes of it is
  /// read in the store.
  void ask(ActionRequest request, const Client& client);

 private:
  struct Action {
    ActionRequest request;
    CheckedAction checked;
    std::vector<Client> waiting;  // until it is recorded
  };
  using ActionPtr = std::shared_ptr<Action>;
  struct Problem {
    std::string message;
    const char* reason;
    int exit;
  };
  /// So many objects are acted on at once: each waits for its API server, or for what it has asked for. What begins
  /// does not wait for these.
  struct Pools {
    Pools() : begin(2), act(8) {}
    boost::asio::thread_pool begin, act;
  };

  Result<std::shared_ptr<kube::Client>> client();
  void begin(const ActionPtr& action);
  /// Its row; that of a new one has no number yet.
  tl::expected<store::ActionRow, Problem> prepare(Action& action);
  tl::expected<store::ActionRow, Problem> prepare_now(Action& action);
  void carry_out(const orchestrate::Request& request, store::ActionRow row);
  void act(const orchestrate::Request& request, store::ActionRow& row);
  Result<void> record(const store::ActionRow& row);
  void next_of(const std::string& object);

  store::Store& store_;
  const ClusterOptions options_;
  std::stop_source stop_;
  std::mutex mutex_;  // of what follows
  bool closing_ = false;
  std::shared_ptr<kube::Client> client_;
  std::optional<kube::Recorder> recorder_;      // once there is a client
  std::map<std::string, ActionPtr> beginning_;  // by id: not recorded yet
  std::size_t open_ = 0;                        // that have no outcome yet
  /// What is to be done, by object: the first is under way.
  std::map<std::string, std::deque<std::function<void()>>> lines_;
  std::optional<Pools> pools_;  // once they are needed
};

}  // namespace scanflow::runtime
