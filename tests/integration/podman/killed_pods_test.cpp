// Many steps in Pods that are killed all the time: each is done once, and nothing is left.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <sstream>

#include "engine/podman/watch.hpp"
#include "sdk/base/clock.hpp"
#include "tests/integration/podman/pod_backend.hpp"

namespace scanflow::test {
namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;
using testing::SizeIs;

constexpr unsigned kSeed = 1;

/// $SCANFLOW_POD_STEPS, else 60.
int steps() {
  const char* given = std::getenv("SCANFLOW_POD_STEPS");
  return given ? std::atoi(given) : 60;
}

/// The names of all Pods that there ever were, as podman tells.
class Names {
 public:
  podman::Watch::OnEvent on_event() {
    return [this](const podman::Event& event) {
      const auto pod = event.labels.find("scanflow.dev/pod");
      const std::lock_guard lock(mutex_);
      if (pod != event.labels.end()) names_.insert(pod->second);
    };
  }
  std::set<std::string> all() const {
    const std::lock_guard lock(mutex_);
    return names_;
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::string> names_;
};

class KilledPods : public PodBackend {
 protected:
  /// Every second one of those that run, by chance; how many there were. Until the program ends,
  /// or `most` are killed: on a slow machine there is time for more than all attempts of a step.
  int kill_pods_of(Program& program, int most) {
    std::mt19937 random(kSeed);
    int killed = 0;
    while (killed < most &&
           !eventually([&] { return !program.running(); }, std::chrono::seconds(1))) {
      std::vector<podman::Pod> there = pods();
      std::erase_if(there, [](const podman::Pod& pod) { return pod.status != "Running"; });
      if (there.empty()) continue;
      const std::string& chosen = there[random() % there.size()].name;
      const auto ended = podman::run(podman().command({"pod", "kill", "--signal", "KILL", chosen}));
      if (ended && ended->status == 0) ++killed;
    }
    return killed;
  }

  /// What podman, the processes of this machine or this test's directory say of Pods with these names.
  std::vector<std::string> left_of(const std::set<std::string>& names) const {
    std::ostringstream all;
    const std::vector<std::vector<std::string>> questions = {
        {"pod", "ps", "--format", "Pod {{.Name}}"},
        {"ps", "--all", "--filter", "label=" + state_label(), "--format", "container {{.Names}}"},
        {"volume", "ls", "--format", "volume {{.Name}}"}};
    for (const auto& question : questions) {
      const auto answer = podman::run(podman().command(question));
      if (!answer || answer->status != 0) return {answer ? answer->err : answer.error().message};
      all << answer->out;
    }
    for (const auto& entry : fs::directory_iterator("/proc")) {
      std::string line = read(entry.path() / "cmdline");
      std::replace(line.begin(), line.end(), '\0', ' ');
      if (!line.empty()) all << "process " << line << '\n';
    }
    for (const auto& entry : fs::recursive_directory_iterator(scanflow_.files().path()))
      all << "file " << entry.path().string() << '\n';
    std::vector<std::string> left;
    std::istringstream lines(all.str());
    for (std::string line; std::getline(lines, line);) {
      const bool named = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
        return line.find(name) != std::string::npos;
      });
      if (named) left.push_back(line);
    }
    return left;
  }

  std::vector<fs::path> sockets() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(scanflow_.files().path())) {
      if (entry.is_socket()) found.push_back(entry.path());
    }
    return found;
  }
};

TEST_F(KilledPods, AllStepsSucceedOnceEachAndLeaveNothing) {
  const int count = steps();
  Names names;
  const podman::Watch watch(podman(), state_label(), wall_us(), names.on_event(), [](auto&) {});
  const std::int64_t begun_us = monotonic_us();
  const auto program = start(fmt::format(R"(
  - name: list
    run: echo "numbers=[$(seq -s , {})]" >> $SCANFLOW_OUTPUT
    retry: &again {{limit: 20, backoff: {{initial: 100ms}}}}
  - name: work
    needs: [list]
    for_each: ${{{{ steps.list.outputs.numbers }}}}
    run: |
      i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done
      echo ${{{{ item }}}} > $SCANFLOW_ARTIFACTS/made
      sleep 0.4
      echo "n=${{{{ item }}}}" >> $SCANFLOW_OUTPUT
    reuse: true
    retry: *again
  - name: add
    needs: [work]
    run: echo "sum=${{{{ sum(collect(steps.work, 'outputs.n')) }}}}" >> $SCANFLOW_OUTPUT
    retry: *again
)",
                                         count),
                             {"-j", "6"});
  const int killed = kill_pods_of(*program, count / 4);
  const Output output = program->wait(std::chrono::minutes(5));
  ASSERT_EQ(output.exit, 0) << output.out << output.err;
  const auto seconds = static_cast<double>(monotonic_us() - begun_us) / 1e6;

  std::map<std::string, int> successes;
  int failures = 0;
  for (const json& event :
       json::parse(scanflow_({"runs", "events", last_run(), "-o", "json"}).out)) {
    if (event.at("type") != "attempt_ended") continue;
    if (event.contains("cause")) {
      ++failures;
    } else {
      ++successes[event.at("step")];
    }
  }
  EXPECT_THAT(successes, SizeIs(count + 2));
  for (const auto& [step, times] : successes) EXPECT_EQ(times, 1) << step;
  EXPECT_EQ(step("add").at("outputs").at("sum"), count * (count + 1) / 2);
  EXPECT_GE(killed, 5) << "it was over too soon";
  EXPECT_GE(failures, killed / 4) << "Pods were killed that did nothing";

  std::multiset<std::string> artifacts, wanted;
  for (int i = 1; i <= count; ++i) wanted.insert(fmt::format("{}\n", i));
  for (const auto& entry : fs::recursive_directory_iterator(scanflow_.state() / "artifacts")) {
    if (entry.is_regular_file()) artifacts.insert(read(entry.path()));
  }
  EXPECT_EQ(artifacts, wanted);

  const auto all = names.all();
  std::cout << fmt::format(
      "{} steps in {} Pods, {} of them killed, {} attempts more, in {:.1f} s\n", count, all.size(),
      killed, failures, seconds);
  EXPECT_TRUE(eventually([&] { return left_of(all).empty(); }))
      << testing::PrintToString(left_of(all));
  EXPECT_THAT(sockets(), IsEmpty());
  if (::geteuid() ==
      0) {  // without root podman has processes of its own, which stay for the next Pod
    EXPECT_THAT(scanflow_.processes(), IsEmpty());
  }
}

}  // namespace
}  // namespace scanflow::test
