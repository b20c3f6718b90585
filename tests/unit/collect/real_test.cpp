// The collector on real processes, real cgroups and real namespaces of this machine.
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "sdk/base/clock.hpp"
#include "sidecar/collect/collector.hpp"
#include "sidecar/collect/post_mortem.hpp"
#include "tests/support/program.hpp"
#include "tests/unit/collect/child.hpp"

namespace scanflow::collect {
namespace {

using M = Metric;
constexpr std::size_t kMebibyte = 1u << 20;

Options quick() {
  Options options;
  options.nvml.clear();
  options.slow_every_us = 0;
  options.rollup_every_us = 0;
  options.rollup_share = 1;
  return options;
}

/// A collector of one workload.
struct Watch {
  explicit Watch(pid_t pid)
      : collector(quick(), [this](std::string_view, std::string_view why) {
          said += std::string(why) + "\n";
        }) {
    id = collector.add({.name = "test", .pid = pid});
    sample();
  }
  void sample() { collector.sample(monotonic_us()); }
  double operator()(Metric metric) { return collector.values(id).get(metric).value_or(-1); }
  bool until(const std::function<bool()>& condition) {
    return test::eventually([&] {
      sample();
      return condition();
    });
  }
  std::string said;
  Collector collector;
  Collector::Id id = 0;
};

TEST(RealProcess, MemoryDescriptorsAndThreads) {
  Child child([] {
    touch(64 * kMebibyte);
    for (int i = 0; i < 100; ++i) ::open("/dev/null", O_RDONLY);
    return true;
  });
  Watch watch(child.pid());
  EXPECT_GT(watch(M::resident), 64 * kMebibyte);
  EXPECT_GT(watch(M::private_dirty), 64 * kMebibyte);
  EXPECT_GE(watch(M::proportional), watch(M::private_dirty));
  EXPECT_GE(watch(M::open_fds), 100);
  EXPECT_LT(watch(M::open_fds), 120);
  EXPECT_EQ(watch(M::processes), 1);
  EXPECT_GE(watch(M::threads), 1);
  EXPECT_GE(watch(M::oom_score), 0);
  EXPECT_GE(watch(M::read_bytes), 0);
  EXPECT_TRUE(watch.until([&] { return watch(M::switches_voluntary) > 0; }));  // once it waits
}

TEST(RealProcess, SpinningCostsCpuAndStoppingStopsIt) {
  Child child([] { return true; },
              [] {
                for (volatile unsigned i = 0;;) i = i + 1;
              });
  Watch watch(child.pid());
  ASSERT_TRUE(child.go());
  EXPECT_TRUE(watch.until([&] { return watch(M::cpu_user_seconds) >= 0.05; }));
  ::kill(child.pid(), SIGSTOP);
  EXPECT_TRUE(watch.until([&] { return watch(M::processes_stopped) == 1; }));
  ::kill(child.pid(), SIGKILL);
  EXPECT_TRUE(watch.until([&] { return watch(M::processes_zombie) == 1; }));
  const double cpu = watch(M::cpu_user_seconds);
  child.wait();
  EXPECT_TRUE(watch.until([&] { return watch.collector.processes(watch.id) == 0; }));
  EXPECT_EQ(watch(M::cpu_user_seconds), cpu);
  EXPECT_GT(watch.collector.history(watch.id).peak(Signal::cpu_cores).value_or(0), 0.1);
}

TEST(RealProcess, GrandchildrenStayAlsoInSessionsOfTheirOwn) {
  int release[2];
  ASSERT_EQ(::pipe(release), 0);
  Child child([] { return true; },
              [&] {
                if (::fork() == 0) {
                  if (::fork() == 0) {
                    ::setsid();
                    char byte = 0;
                    if (::read(release[0], &byte, 1) >= 0) ::_exit(0);
                  }
                  char byte = 0;
                  if (::read(release[0], &byte, 1) >= 0)
                    ::_exit(0);  // its parent leaves: it is adopted
                }
                ::pause();
              });
  Watch watch(child.pid());
  ASSERT_TRUE(child.go());
  ASSERT_TRUE(watch.until([&] { return watch(M::processes) == 3; }));
  ASSERT_EQ(::write(release[1], "x", 1), 1);  // one of the two ends
  EXPECT_TRUE(watch.until([&] { return watch(M::processes) - watch(M::processes_zombie) == 2; }));
  ASSERT_EQ(::write(release[1], "x", 1), 1);
}

TEST(RealProcess, AnotherUserSeesWhatItMayAndSaysTheRestOnce) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become someone else";
  Child watched([] { return true; });
  int out[2];
  ASSERT_EQ(::pipe(out), 0);
  Child reader([&] {
    if (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0) return false;
    Watch watch(watched.pid());
    for (int i = 0; i < 10; ++i) watch.sample();
    const std::string text = fmt::format(
        "rss {} io {} fds {} pss {} switches {}\n{}", watch(M::resident) > 0, watch(M::read_bytes),
        watch(M::open_fds), watch(M::proportional), watch(M::switches_voluntary) >= 0, watch.said);
    return ::write(out[1], text.data(), text.size()) > 0;
  });
  ASSERT_TRUE(reader.prepared());
  char buffer[4096];
  const ssize_t n = ::read(out[0], buffer, sizeof buffer);
  const std::string text(buffer, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  EXPECT_EQ(text.find("rss true io -1 fds -1 pss -1 switches true"), 0u) << text;
  for (const char* once : {"cannot read io: Permission denied", "cannot read fd: Permission",
                           "cannot read smaps_rollup: Permission"}) {
    const auto first = text.find(once);
    EXPECT_NE(first, std::string::npos) << text;
    EXPECT_EQ(text.find(once, first + 1), std::string::npos) << text;
  }
}

/// A memory cgroup of the test's own, below the one it is in.
class OwnCgroup {
 public:
  OwnCgroup(const std::string& name, std::size_t limit) {
    const CgroupPlaces places =
        places_of(test::read("/proc/self/cgroup"), test::read("/proc/self/mountinfo"));
    v1_ = !places.memory.empty();
    const auto& found = v1_ ? places.memory : places.unified;
    if (found.empty()) return;
    path_ = fmt::format("{}{}/scanflow-{}-{}", found.front().point, found.front().below, name,
                        ::getpid());
    ::mkdir(path_.c_str(), 0755);
    usable_ = put(v1_ ? "memory.limit_in_bytes" : "memory.max", std::to_string(limit));
    put(v1_ ? "memory.memsw.limit_in_bytes" : "memory.swap.max", v1_ ? std::to_string(limit) : "0");
  }
  ~OwnCgroup() {
    test::eventually([&] { return ::rmdir(path_.c_str()) == 0 || errno == ENOENT; },
                     std::chrono::seconds(2));
  }
  bool usable() const { return usable_; }
  bool enter() const { return put("cgroup.procs", "0"); }
  /// In the process that entered: a cgroup namespace, and mounts that show nothing else.
  bool isolate() const {
    const char* top = "/sys/fs/cgroup";
    if (::unshare(CLONE_NEWCGROUP | CLONE_NEWNS) != 0) return false;
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
    if (!v1_) return ::mount("cgroup2", top, "cgroup2", 0, nullptr) == 0;
    if (::mount("tmpfs", top, "tmpfs", 0, nullptr) != 0) return false;
    const std::string memory = std::string(top) + "/memory";
    return ::mkdir(memory.c_str(), 0755) == 0 &&
           ::mount("cgroup", memory.c_str(), "cgroup", 0, "memory") == 0;
  }
  std::string shown() const { return v1_ ? "/root/sys/fs/cgroup/memory" : "/root/sys/fs/cgroup"; }

 private:
  bool put(const std::string& file, const std::string& value) const {
    const int fd = ::open((path_ + "/" + file).c_str(), O_WRONLY | O_CLOEXEC);
    const bool written = fd >= 0 && ::write(fd, value.data(), value.size()) > 0;
    if (fd >= 0) ::close(fd);
    return written;
  }
  bool v1_ = false;
  bool usable_ = false;
  std::string path_;
};

TEST(RealCgroup, IsReadThroughTheRootOfAProcessInNamespacesOfItsOwn) {
  OwnCgroup app("app", 256 * kMebibyte), sidecar("sidecar", 256 * kMebibyte);
  if (!app.usable() || !sidecar.usable()) GTEST_SKIP() << "no memory cgroup may be made here";
  Child child([&] {
    if (!app.enter() || !app.isolate()) return false;
    touch(64 * kMebibyte);
    return true;
  });
  if (!child.prepared()) GTEST_SKIP() << "namespaces may not be made here";
  const std::string expected = fmt::format("/proc/{}{}", child.pid(), app.shown());

  Watch watch(child.pid());
  EXPECT_EQ(watch.collector.cgroup(watch.id).memory_path(), expected);
  EXPECT_GT(watch(M::memory_usage), 64 * kMebibyte);
  EXPECT_EQ(watch(M::memory_limit), 256 * kMebibyte);
  EXPECT_NEAR(watch(M::memory_used_ratio), 0.25, 0.1);
  EXPECT_EQ(watch(M::memory_oom_kills), 0);
  EXPECT_EQ(watch(M::strangers), 0);

  // As in a Pod: the reader, too, is in a cgroup and a cgroup namespace of its own, beside.
  int out[2];
  ASSERT_EQ(::pipe(out), 0);
  Child reader([&] {
    if (!sidecar.enter() || !sidecar.isolate()) return false;
    Watch beside(child.pid());
    const std::string text =
        fmt::format("{} {} {}", beside.collector.cgroup(beside.id).memory_path(),
                    beside(M::memory_usage) > 64 * kMebibyte, beside(M::memory_limit) / kMebibyte);
    return ::write(out[1], text.data(), text.size()) > 0;
  });
  ASSERT_TRUE(reader.prepared());
  char buffer[512];
  const ssize_t n = ::read(out[0], buffer, sizeof buffer);
  EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(std::max<ssize_t>(n, 0))),
            expected + " true 256");
}

TEST(RealCgroup, AKillForMemoryIsSeenAfterTheEnd) {
  OwnCgroup app("oom", 48 * kMebibyte);
  if (!app.usable()) GTEST_SKIP() << "no memory cgroup may be made here";
  Child child([&] { return app.enter() && app.isolate(); }, [] { touch(200 * kMebibyte); });
  if (!child.prepared()) GTEST_SKIP() << "namespaces may not be made here";
  Watch watch(child.pid());
  const double before = watch(M::memory_oom_kills), limit = watch(M::memory_limit);
  ASSERT_EQ(before, 0);
  ASSERT_TRUE(child.go());
  const int status = child.wait();
  watch.sample();  // its /proc/PID/root is gone
  ASSERT_TRUE(WIFSIGNALED(status));
  const PostMortem result = make_post_mortem(watch.collector.history(watch.id),
                                             {.signal = WTERMSIG(status),
                                              .oom_kills_before = before,
                                              .oom_kills_after = watch(M::memory_oom_kills),
                                              .memory_limit = limit,
                                              .memory_peak = watch(M::memory_peak)});
  EXPECT_EQ(result.cause, EndCause::out_of_memory);
  EXPECT_TRUE(result.certain);
  EXPECT_EQ(summary(result),
            "limit 48 MiB, peak 48 MiB; out of memory: killed by the kernel (SIGKILL)");
}

TEST(RealMachine, TheNetworkCounts) {
  Watch watch(::getpid());
  EXPECT_TRUE(watch.collector.network().has(M::network_received)) << watch.said;
  EXPECT_TRUE(watch.collector.network().has(M::tcp_retransmits)) << watch.said;
  EXPECT_TRUE(watch.collector.network().has(M::tcp_listen_overflows)) << watch.said;
}

}  // namespace
}  // namespace scanflow::collect
