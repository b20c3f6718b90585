// The inproc backend: a thread pool.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine/backend/backend.hpp"
#include "engine/backend/in_process_step.hpp"

namespace scanflow::backend {

class InprocBackend final : public Backend {
 public:
  InprocBackend(const Options& options, Sink sink);
  /// Cancels what runs, and waits for it.
  ~InprocBackend() override;

  void get_ready() override {}
  void survey() override { report({Strays{}}); }
  /// Nothing: nobody could act on a thread.
  void observe(const std::string&) override {}
  void launch(std::vector<RequestPtr> requests) override;
  /// What runs is asked to end; a plugin that does not listen cannot be killed in here.
  void stop(const protocol::AttemptId& id, const std::string& reason) override;
  void acknowledge(const protocol::AttemptId& id) override;
  /// Nothing: attempts end with the engine.
  void forget(const std::vector<protocol::AttemptId>&) override {}
  void reply(const protocol::HostReply& reply) override;

 private:
  using Id = protocol::AttemptId;

  struct Running {
    std::shared_ptr<InProcessStep> step;
    std::string stop;  // why it was asked to end
  };

  void work(std::size_t thread);
  protocol::Ended run(const RequestPtr& request, std::size_t thread);
  protocol::Ended run_plugin(const RequestPtr& request, std::size_t thread);
  std::string scratch(std::size_t thread);
  protocol::LogRange write_log(const std::string& directory, const std::string& text);
  void report(std::vector<Report> reports);

  const Options options_;
  const Sink sink_;
  std::mutex sink_mutex_;  // one report at a time
  std::mutex log_mutex_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable more_;
  bool closing_ = false;
  std::deque<RequestPtr> queue_;
  std::map<Id, Running> running_;        // plugins; noop is over before one could stop it
  std::map<Id, std::string> artifacts_;  // directories until acknowledged
  std::uint64_t directories_ = 0;

  std::vector<std::thread> threads_;
};

}  // namespace scanflow::backend
