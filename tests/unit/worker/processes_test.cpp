#include "engine/worker/processes.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

namespace scanflow::worker {
namespace {

TEST(Processes, AStatLineIsReadWhateverTheNameHolds) {
  const auto process = parse_stat(
      "12 (a) b (c) S 3 4 5 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 1000 25 18446744073709551615");
  ASSERT_TRUE(process);
  EXPECT_EQ(process->pid, 12);
  EXPECT_EQ(process->state, 'S');
  EXPECT_EQ(process->parent, 3);
  EXPECT_EQ(process->group, 4);
  EXPECT_EQ(process->session, 5);
  EXPECT_EQ(process->started, 100u);
  EXPECT_EQ(process->rss, 25u * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  EXPECT_FALSE(parse_stat(""));
  EXPECT_FALSE(parse_stat("12 (x"));
}

TEST(Processes, ThisOneIsAmongAll) {
  const auto all = all_processes();
  const auto self = std::find_if(all.begin(), all.end(),
                                 [](const Process& process) { return process.pid == ::getpid(); });
  ASSERT_NE(self, all.end());
  EXPECT_EQ(self->parent, ::getppid());
  EXPECT_GT(self->rss, 0u);
}

TEST(Processes, AFamilyIsASessionAndWhatDescendsFromIt) {
  const std::vector<Process> all = {
      {1, 0, 1, 1, 'S', 0, 0},      // init
      {10, 1, 10, 10, 'S', 0, 0},   // a leader
      {11, 10, 10, 10, 'S', 0, 0},  // its child
      {12, 11, 12, 12, 'S', 0, 0},  // a grandchild in a session of its own
      {13, 1, 13, 10, 'S', 0, 0},   // another group of the session, orphaned
      {14, 10, 10, 10, 'Z', 0, 0},  // a zombie
      {20, 1, 20, 20, 'S', 0, 0},   // another attempt
  };
  const auto members = families(all, {10, 20});
  std::vector<pid_t> pids;
  for (const Process& process : members[0]) pids.push_back(process.pid);
  EXPECT_EQ(pids, (std::vector<pid_t>{10, 11, 12, 13}));
  ASSERT_EQ(members[1].size(), 1u);
  EXPECT_EQ(members[1][0].pid, 20);
}

TEST(Processes, TheEnvironmentOfThisProcessIsReadable) {
  EXPECT_EQ(environment_of(::getpid(), "NO_SUCH_VARIABLE"), "");
  EXPECT_GT(last_pid(), 0);
}

}  // namespace
}  // namespace scanflow::worker
