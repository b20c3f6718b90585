// Plugin steps one after the other, from the end of one's code to the start of the next one's, as
// the steps themselves see it: the result's way out, the next launch, the warm parent's fork. The
// engine's own commit is not in it.
#include <benchmark/benchmark.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/bench/local_steps.hpp"

namespace scanflow::backend {
namespace {

using nlohmann::json;

/// The gaps between the steps, in us, sorted.
std::vector<double> gaps_of(const std::vector<std::string>& outputs) {
  std::vector<double> gaps;
  for (std::size_t i = 1; i < outputs.size(); ++i) {
    const json before = json::parse(outputs[i - 1]);
    const json after = json::parse(outputs[i]);
    gaps.push_back(after.at("begin_us").get<double>() - before.at("end_us").get<double>());
  }
  gaps.erase(gaps.begin());  // the first warms up what is between them
  std::sort(gaps.begin(), gaps.end());
  return gaps;
}

void chain(benchmark::State& state, const std::string& library) {
  const int count = 300;
  const std::string config = json{{"busy_us", state.range(0) * 1000}}.dump();
  for (auto _ : state) {
    const Place place;
    std::vector<RequestPtr> all;
    for (int i = 0; i < count; ++i) {
      auto one = std::make_shared<protocol::Request>(
          *request(i, "bench.stamp", config.c_str(), place.logs()));
      one->library = library;
      all.push_back(std::move(one));
    }
    Driver driver(std::move(all));
    test::Strand strand;
    auto backend = make_local(place.options(1), strand.context(), [&](std::vector<Report> reports) {
      driver.take(std::move(reports));
    });
    strand.run([&] { driver.start(*backend, 1); });
    const std::string failed = driver.wait();
    if (!failed.empty()) state.SkipWithError(failed.c_str());
    strand.run([&] { backend.reset(); });
    const std::vector<double> gaps = gaps_of(driver.outputs());
    state.counters["p50_us"] = gaps[gaps.size() / 2];
    state.counters["p99_us"] = gaps[gaps.size() * 99 / 100];
  }
}

// Steps that end at once, and steps that compute for 20 ms.
BENCHMARK_CAPTURE(chain, hello, SCANFLOW_STAMP)
    ->ArgName("busy_ms")
    ->Arg(0)
    ->Arg(20)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(1);
#ifdef SCANFLOW_STAMP_TORCH

// The anchor: a process that loads the step's library, and ends.
void cold_process(benchmark::State& state) {
  const std::string program = std::string(SCANFLOW_BINARY_DIR) + "/bin/scanflow-describe";
  const char* argv[] = {program.c_str(), "describe", SCANFLOW_STAMP_TORCH, nullptr};
  posix_spawn_file_actions_t quiet;
  ::posix_spawn_file_actions_init(&quiet);
  ::posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  for (auto _ : state) {
    pid_t pid = 0;
    ::posix_spawn(&pid, program.c_str(), &quiet, nullptr, const_cast<char**>(argv), environ);
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (status != 0) state.SkipWithError("scanflow-describe failed");
  }
  ::posix_spawn_file_actions_destroy(&quiet);
}
BENCHMARK(cold_process)
    ->Name("anchor: a cold process with libtorch")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

// The anchor: a fork of a process that has the library loaded, which ends at once.
void fork_alone(benchmark::State& state) {
  int ends[2];
  if (::pipe(ends) != 0) return state.SkipWithError("no pipe");
  const pid_t parent = ::fork();  // this process stays without libtorch
  if (parent == 0) {
    void* library = ::dlopen(SCANFLOW_STAMP_TORCH, RTLD_NOW | RTLD_LOCAL);
    char ready = library != nullptr ? 'y' : 'n';
    while (::write(ends[1], &ready, 1) == 1) {
      const pid_t child = ::fork();
      if (child == 0) ::_exit(0);
      ::waitpid(child, nullptr, 0);
      ::raise(SIGSTOP);
    }
    ::_exit(0);
  }
  char ready = 'n';
  if (::read(ends[0], &ready, 1) != 1 || ready != 'y') state.SkipWithError("cannot load libtorch");
  ::waitpid(parent, nullptr, WUNTRACED);
  for (auto _ : state) {
    ::kill(parent, SIGCONT);
    ::waitpid(parent, nullptr, WUNTRACED);
  }
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  ::close(ends[0]);
  ::close(ends[1]);
}
BENCHMARK(fork_alone)
    ->Name("anchor: fork of a process with libtorch")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

BENCHMARK_CAPTURE(chain, libtorch, SCANFLOW_STAMP_TORCH)
    ->ArgName("busy_ms")
    ->Arg(0)
    ->Arg(20)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(1);
#endif

}  // namespace
}  // namespace scanflow::backend
