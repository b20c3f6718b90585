// The engine of a server, asked over HTTP as that of another process is over its socket
// (EngineClient): the same requests, the same updates.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "engine/api/client.hpp"
#include "engine/runtime/update_queue.hpp"

namespace scanflow::api {

class RemoteEngine {
 public:
  RemoteEngine(HttpClient client, std::shared_ptr<runtime::UpdateQueue> queue)
      : client_(std::move(client)), queue_(std::move(queue)) {}
  ~RemoteEngine();
  RemoteEngine(const RemoteEngine&) = delete;
  RemoteEngine& operator=(const RemoteEngine&) = delete;

  /// What it answers comes to the queue; where the server goes away, {"type": "closing"}. One run
  /// is followed at most. Blocks until the server has answered. `submission` is what POST
  /// /api/v1/runs takes.
  void send(const json& request);

 private:
  void submit(const json& request);
  void primitive(const std::string& run, const json& request);
  void act(const json& request);
  /// What becomes of what is asked at `target`; where that is waited for, its outcome, read at `known` and its id.
  Answer<json> outcome_of(const json& request, const std::string& target, const char* known);
  void follow(const std::string& run);
  void ask(const HttpClient::Ask& ask);
  /// "done", with the answer as this member.
  void answer(const char* member, const HttpClient::Ask& ask);
  void reject(const Failure& failure);
  void push(json update);

  const HttpClient client_;
  const std::shared_ptr<runtime::UpdateQueue> queue_;
  std::unique_ptr<HttpClient::Reading> stream_;  // read by the thread
  std::thread thread_;
};

}  // namespace scanflow::api
