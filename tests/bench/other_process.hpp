// The other side of a connection, in a process of its own: its memory and its time are not ours.
#pragma once

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>

namespace scanflow::bench {

/// All threads that this one begins run on that CPU too; -1: on any. Nothing where there is only one.
inline void run_on(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int count = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  for (int i = 0; i < count; ++i)
    if (cpu < 0 || count == 1 || i == cpu) CPU_SET(i, &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

class OtherProcess {
 public:
  /// Begun while this process has no threads; runs `work` when it is told where to connect.
  explicit OtherProcess(const std::function<void(const std::string& endpoint)>& work) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    child_ = ::fork();
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::close(ends[1]);
      char text[256] = {};
      if (::read(ends[0], text, sizeof text - 1) > 0) run(work, text);
      ::_exit(0);
    }
    ::close(ends[0]);
    tell_ = ends[1];
  }
  ~OtherProcess() {
    ::close(tell_);
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;

  void begin(const std::string& endpoint) const {
    if (::write(tell_, endpoint.data(), endpoint.size()) < 0) std::abort();
  }

 private:
  static void run(const std::function<void(const std::string&)>& work, const char* endpoint) {
    try {
      work(endpoint);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "the other process: %s\n", error.what());
    }
  }

  pid_t child_ = -1;
  int tell_ = -1;
};

}  // namespace scanflow::bench
