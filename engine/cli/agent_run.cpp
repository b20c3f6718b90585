#include "engine/cli/agent_run.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include "engine/api/agent_process.hpp"
#include "engine/cli/end_signal.hpp"
#include "engine/cli/registry_commands.hpp"

namespace scanflow::cli {
namespace {

constexpr std::chrono::milliseconds kLookEvery{100};  // whether it has ended by itself

}  // namespace

int agent_run(const Context& context, const AgentRunCommand& command) {
  if (context.server.empty()) {
    return complain(context, kUsage,
                    "the agent is a server's: say which with --server URL or $SCANFLOW_SERVER");
  }
  const auto client = context.client();
  if (!client) return complain(context, client.error());
  const std::size_t slash = command.agent.find('/');
  const std::string name_space = command.agent.substr(0, slash);
  if (!command.file.empty()) {
    const FilesOptions files{{command.file}, false, name_space, false};
    if (const int applied = apply(context, files); applied != kSucceeded) return applied;
  }
  if (auto caught = catch_end_signals(); !caught)
    return complain(context, kEngine, caught.error().message);
  api::AgentProcess process({*client, name_space, command.agent.substr(slash + 1), context.worker,
                             [&context] { return context.catalog(); }, log_line});
  api::Answer<void> ran;
  std::atomic<bool> over = false;
  std::thread thread([&] {
    ran = process.run();
    over = true;
  });
  while (!over && !end_signal_within(kLookEvery)) {
  }
  process.end();
  thread.join();
  return ran ? kSucceeded : complain(context, ran.error());
}

}  // namespace scanflow::cli
