// `scanflow agent run`: an agent with `runs: process` at work in this process, for its server. What it remembers, reads and asks
// for is the server's (control/agent_sessions.hpp); its triggers and strategies are this machine's.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "engine/api/agent_link.hpp"
#include "engine/api/client.hpp"
#include "engine/api/remote_memory.hpp"
#include "engine/control/agent_runner.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::api {

class AgentProcess {
 public:
  struct Options {
    HttpClient client;
    std::string name_space, name;
    std::filesystem::path worker;  // scanflow-worker
    std::function<Result<loader::Catalog>()> catalog;
    std::function<void(const std::string& line)> log;  // [any-thread]
  };
  explicit AgentProcess(Options options) : options_(std::move(options)), patience_(options_.log) {}
  ~AgentProcess() { end(); }

  /// Until end(), or until the agent is deleted. A server that is away is waited for; while another process has the agent, it
  /// stands by. An error: it cannot be run here. Blocks.
  Answer<void> run();
  /// What is under way is kept, and the lease given back. Blocks until that is done. [any-thread]
  void end();

 private:
  /// With a session.
  struct Served;
  struct Read {
    std::shared_ptr<const pipeline::AgentSpec> agent;
    std::shared_ptr<const loader::Catalog> catalog;
  };

  bool wait(std::chrono::milliseconds time);
  Answer<void> serve(const json& opened);
  Answer<Read> read(std::uint32_t version) const;
  void begin(Served& served, Read read, bool paused);
  void follow(Served& served);
  void take(Served& served, const json& news);
  void take_version(Served& served);
  void finish();
  std::string whole_name() const { return options_.name_space + "/" + options_.name; }

  const Options options_;
  Patience patience_;
  bool ran_ = false;
  std::mutex finishing_mutex_;  // one ends it; before the other
  std::mutex mutex_;            // of what follows
  std::condition_variable changed_;
  bool ending_ = false;
  std::shared_ptr<Served> served_;
};

}  // namespace scanflow::api
