// An agent's process, and a server that fails it: answers as they are scripted.
#include "engine/api/agent_link.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <mutex>

#include "engine/api/agent_process.hpp"
#include "engine/api/remote_memory.hpp"
#include "engine/http/server.hpp"

namespace scanflow::api {
namespace {

using control::RuleState;
using testing::ElementsAre;

class ScriptedServer {
 public:
  using Answer = std::function<http::Response(const json& asked)>;
  explicit ScriptedServer(Answer answer) : server_(http::Server::listen("127.0.0.1:0").value()) {
    server_->start(
        [answer = std::move(answer)](const http::Request& request, const http::Reply& reply) {
          reply(answer(json::parse(request.body, nullptr, false)));
        });
  }
  HttpClient client() const { return *HttpClient::to("http://" + server_->address()); }

 private:
  const std::unique_ptr<http::Server> server_;
};

const auto kSilent = [](const std::string&) {};

TEST(AgentLink, OfARuleWhoseCommitHadNoAnswerNothingIsKept) {
  std::mutex mutex;
  std::vector<std::string> kept;
  const ScriptedServer server([&](const json& asked) {
    if (asked.at("op") == "commit") return http::refuse(503, 3, "not now");
    const std::lock_guard lock(mutex);
    for (const auto& [rule, state] : asked.at("states").items()) kept.push_back(rule);
    return http::respond(200, json::object());
  });
  AgentLink link(server.client(), "/session", kSilent);
  RemoteMemory memory(link);
  link.give_up();
  EXPECT_FALSE(memory.commit("a/b", "unclear", RuleState{.seen = 7}, {}));
  EXPECT_TRUE(memory.keep("a/b", {{"unclear", {.seen = 6}}, {"other", {}}}));
  const std::lock_guard lock(mutex);
  EXPECT_THAT(kept, ElementsAre("other"));
}

TEST(AgentLink, ASessionThatEndsAtThatMomentIsAskedForAgain) {
  std::atomic<int> opened = 0;
  const ScriptedServer server([&](const json&) {
    return ++opened == 1 ? http::refuse(409, 2, "the session is over")
                         : http::refuse(404, 2, "there is no agent 'a/b'");
  });
  AgentProcess process({.client = server.client(),
                        .name_space = "a",
                        .name = "b",
                        .worker = {},
                        .catalog = {},
                        .log = kSilent});
  const auto ran = process.run();
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().status, 404) << ran.error().message;
  EXPECT_EQ(opened, 2);
}

}  // namespace
}  // namespace scanflow::api
