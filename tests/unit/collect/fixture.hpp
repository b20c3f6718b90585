// A machine made of files: /proc and cgroup trees as the kernel shows them.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "sidecar/collect/collector.hpp"
#include "tests/support/seconds.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::collect {

struct Machine {
  test::TempDir files;
  std::vector<std::pair<std::string, std::string>> said;  // about, reason

  Machine() { forks(1); }

  void forks(int last_pid) {
    files.write("proc/loadavg", fmt::format("0.1 0.1 0.1 1/99 {}\n", last_pid));
  }
  struct Process {
    int pid = 0, parent = 1, session = 0, user = 100, children = 0, pages = 1000, threads = 2;
    std::string name = "python";
    char state = 'S';
    int started = 500;
  };
  void process(const Process& p) {
    const int session = p.session == 0 ? p.pid : p.session;
    put(p.pid, "stat",
        fmt::format("{} ({}) {} {} {} {} 0 -1 4194304 11 22 3 4 {} 50 {} 0 20 0 {} 0 {} 99999 {} "
                    "18446744073709551615 1 1 0 0\n",
                    p.pid, p.name, p.state, p.parent, session, session, p.user, p.children,
                    p.threads, p.started, p.pages));
    put(p.pid, "status",
        "Name:\tpython\nVmSwap:\t      12 kB\nvoluntary_ctxt_switches:\t7\n"
        "nonvoluntary_ctxt_switches:\t3\n");
    put(p.pid, "io", "rchar: 9\nwchar: 9\nread_bytes: 4096\nwrite_bytes: 8192\n");
    put(p.pid, "oom_score", "667\n");
    put(p.pid, "smaps_rollup",
        "55-7f ---p 0 00:00 0 [rollup]\nRss: 9 kB\nPss:  300 kB\n"
        "Pss_Dirty: 1 kB\nPrivate_Dirty:  200 kB\n");
    for (const char* fd : {"0", "1", "2"}) put(p.pid, std::string("fd/") + fd, "");
  }
  void put(int pid, const std::string& file, const std::string& text) {
    files.write(fmt::format("proc/{}/{}", pid, file), text);
  }
  void ends(int pid) { std::filesystem::remove_all(files / fmt::format("proc/{}", pid)); }
  void erase(const std::string& path) { std::filesystem::remove_all(files / path); }
  /// Reading it fails, also for root.
  void spoil(const std::string& path) {
    std::filesystem::remove_all(files / path);
    std::filesystem::create_directories(files / path);
  }
  Options options() const {
    Options options;
    options.proc = (files / "proc").string();
    options.root = files.path().string();
    options.nvml.clear();
    return options;
  }
  Say say() {
    return [this](std::string_view about, std::string_view reason) {
      said.emplace_back(about, reason);
    };
  }
  /// How often something with these words was said.
  int times_said(const std::string& words) const {
    int count = 0;
    for (const auto& [about, reason] : said) {
      if ((about + ": " + reason).find(words) != std::string::npos) ++count;
    }
    return count;
  }
};

inline constexpr const char* kPressure =
    "some avg10=12.50 avg60=1.00 avg300=0.10 total=3000000\n"
    "full avg10=2.00 avg60=0.00 avg300=0.00 total=1000000\n";

/// v2: process 10 in /pod/app, with limits at both levels.
inline void make_v2(Machine& machine) {
  machine.put(10, "cgroup", "0::/pod/app\n");
  machine.put(10, "mountinfo", "29 23 0:25 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n");
  const std::string pod = "proc/10/root/sys/fs/cgroup/pod/", app = pod + "app/";
  const auto& files = machine.files;
  files.write(pod + "memory.max", "1000000\n");
  files.write(app + "cgroup.type", "domain\n");
  files.write(app + "cgroup.procs", "10\n11\n99\n");
  files.write(app + "memory.current", "800000\n");
  files.write(app + "memory.peak", "900000\n");
  files.write(app + "memory.stat",
              "anon 500000\nfile 300000\ninactive_anon 1\ninactive_file 200000\n");
  files.write(app + "memory.max", "max\n");
  files.write(app + "memory.events", "low 0\nhigh 4\nmax 3\noom 2\noom_kill 1\noom_group_kill 0\n");
  files.write(app + "cpu.stat",
              "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\nnr_periods 10\n"
              "nr_throttled 4\nthrottled_usec 1500000\n");
  files.write(app + "cpu.max", "150000 100000\n");
  for (const char* name : {"memory.pressure", "cpu.pressure", "io.pressure"}) {
    files.write(app + name, kPressure);
  }
}

/// v1 in this machine's own mounts (the process's root is closed to us); `hybrid`: PSI in v2.
inline void make_v1(Machine& machine, bool hybrid) {
  machine.put(10, "cgroup",
              std::string("4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n") +
                  (hybrid ? "0::/docker/abc\n" : ""));
  const auto& files = machine.files;
  files.write("proc/self/mountinfo",
              std::string("31 25 0:27 / /sys/fs/cgroup/memory rw shared:1 - cgroup cgroup "
                          "rw,memory\n32 25 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup "
                          "rw,cpu,cpuacct\n") +
                  (hybrid ? "33 25 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n" : ""));
  const std::string memory = "sys/fs/cgroup/memory/docker/abc/";
  const std::string cpu = "sys/fs/cgroup/cpu,cpuacct/docker/abc/";
  files.write(memory + "cgroup.procs", "10\n");
  files.write(memory + "memory.usage_in_bytes", "700000\n");
  files.write(memory + "memory.max_usage_in_bytes", "750000\n");
  files.write(memory + "memory.limit_in_bytes", "9223372036854771712\n");
  files.write(memory + "memory.failcnt", "5\n");
  files.write(memory + "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
  files.write(memory + "memory.stat",
              "inactive_file 1\nhierarchical_memory_limit 1400000\ntotal_inactive_file 100000\n");
  files.write(cpu + "cgroup.procs", "10\n");
  files.write(cpu + "cpu.stat", "nr_periods 8\nnr_throttled 2\nthrottled_time 3000000000\n");
  files.write(cpu + "cpuacct.usage", "4500000000\n");
  files.write(cpu + "cpu.cfs_quota_us", "-1\n");
  files.write(cpu + "cpu.cfs_period_us", "100000\n");
  if (!hybrid) return;
  const std::string unified = "sys/fs/cgroup/unified/docker/abc/";
  files.write(unified + "cgroup.type", "domain\n");
  files.write(unified + "cgroup.procs", "10\n");
  for (const char* name : {"memory.pressure", "cpu.pressure", "io.pressure"}) {
    files.write(unified + name, kPressure);
  }
}

}  // namespace scanflow::collect
