// What is asked of objects of a cluster, done by this engine: recorded before it is begun, done once whoever asks how
// often, one after the other for each object. [any-thread]
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <deque>
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

/// Which cluster an engine is for, and what it may do there.
struct ClusterOptions {
  kube::Whereabouts where;
  std::string name_space;          // where nobody says one; empty: the context's
  orchestrate::AllowList allowed;  // what `patch` may change
  std::function<void(const std::string& line)> log = {};  // [any-thread]; null: nobody is told
  kube::Client::Means means = kube::Client::usual();
};

class Actions {
 public:
  /// Those that an earlier engine had begun get the outcome INDETERMINATE: nobody can say how far it came.
  /// `store` outlives it.
  Actions(store::Store& store, ClusterOptions options);
  /// What is under way is broken off, and what waits is REFUSED; both are recorded.
  ~Actions();
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;

  /// Answers {"type": "done", "action": action_document}, or "rejected".
  void ask(ActionRequest request, const Client& client);

 private:
  struct Open {
    ActionRequest request;
    CheckedAction action;
    store::ActionRow row;  // once it is recorded
    bool recorded = false;
    std::vector<Client> waiting;
  };
  using OpenPtr = std::shared_ptr<Open>;

  Result<std::shared_ptr<kube::Client>> client();
  void begin(const OpenPtr& open);
  /// Nothing: it is recorded, and the object is known.
  struct Problem {
    std::string message;
    const char* reason;
    int exit;
  };
  std::optional<Problem> prepare(Open& open, bool& over);
  void carry_out(const OpenPtr& open);
  void end(const OpenPtr& open, const std::optional<Problem>& problem);
  void next_of(const std::string& object);
  template <class Call>
  void work(Call call);

  store::Store& store_;
  const ClusterOptions options_;
  std::stop_source stop_;
  std::mutex mutex_;  // of what follows
  bool closing_ = false;
  std::shared_ptr<kube::Client> client_;
  std::optional<kube::Recorder> recorder_;            // once there is a client
  std::map<std::string, OpenPtr> open_;               // by id
  std::map<std::string, std::deque<OpenPtr>> lines_;  // by object: the first is under way
  std::optional<boost::asio::thread_pool> pool_;      // once it is needed
};

}  // namespace scanflow::runtime
