// What a collector makes of fixture trees.
#include "sidecar/collect/collector.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/collect/fixture.hpp"

namespace scanflow::collect {
namespace {

using M = Metric;

double value(const Collector& collector, Collector::Id id, Metric metric) {
  return collector.values(id).get(metric).value_or(-1);
}

TEST(Collector, SumsATreeOfProcesses) {
  Machine machine;
  machine.process({.pid = 10});
  machine.process({.pid = 11, .parent = 10, .session = 10, .name = "a) R (b\n", .state = 'R'});
  machine.process({.pid = 12, .parent = 11, .session = 12});  // its own session: a descendant
  machine.process({.pid = 13, .parent = 1, .session = 10});   // adopted: by its session
  machine.process({.pid = 50});
  Collector collector(machine.options(), machine.say());
  const auto id = collector.add({.name = "train", .pid = 10});
  collector.sample(1 * kSecond);
  const auto tick = static_cast<double>(::sysconf(_SC_CLK_TCK));
  EXPECT_EQ(collector.processes(id), 4u);
  EXPECT_EQ(value(collector, id, M::processes_running), 1);
  EXPECT_DOUBLE_EQ(value(collector, id, M::cpu_user_seconds), 400 / tick);
  EXPECT_DOUBLE_EQ(value(collector, id, M::cpu_system_seconds), 200 / tick);
  EXPECT_EQ(value(collector, id, M::resident),
            4000.0 * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  EXPECT_EQ(value(collector, id, M::threads), 8);
  EXPECT_EQ(value(collector, id, M::open_fds) > 0, true);
  EXPECT_EQ(value(collector, id, M::switches_voluntary), 28);
  EXPECT_EQ(value(collector, id, M::read_bytes), 4 * 4096);
  EXPECT_EQ(value(collector, id, M::write_bytes), 4 * 8192);
  EXPECT_EQ(value(collector, id, M::major_faults), 4 * 7);
  EXPECT_EQ(value(collector, id, M::oom_score), 667);
  EXPECT_EQ(value(collector, id, M::proportional), 4 * 300 * 1024);
  EXPECT_EQ(value(collector, id, M::private_dirty), 4 * 200 * 1024);
  EXPECT_EQ(value(collector, id, M::swapped), 4 * 12 * 1024);
}

TEST(Collector, CountersNeverFallWhenProcessesEnd) {
  Machine machine;
  machine.process({.pid = 10, .user = 100});
  machine.process({.pid = 11, .parent = 10, .session = 10, .user = 300});
  Collector collector(machine.options(), machine.say());
  const auto id = collector.add({.name = "train", .pid = 10});
  collector.sample(1 * kSecond);
  const double before = value(collector, id, M::cpu_user_seconds);
  machine.ends(11);
  machine.process({.pid = 10, .user = 100, .children = 300});  // waited for
  collector.sample(2 * kSecond);
  EXPECT_DOUBLE_EQ(value(collector, id, M::cpu_user_seconds), before);
  machine.process({.pid = 10, .user = 150});  // lost: nobody waited
  collector.sample(3 * kSecond);
  EXPECT_DOUBLE_EQ(value(collector, id, M::cpu_user_seconds), before);
  machine.ends(10);
  collector.sample(4 * kSecond);
  EXPECT_EQ(collector.processes(id), 0u);
  EXPECT_DOUBLE_EQ(value(collector, id, M::cpu_user_seconds), before);
  EXPECT_EQ(machine.times_said("train"), machine.times_said("cgroup"));  // an end is no error
}

TEST(Collector, ListsProcessesOnlyWhenSomeoneForked) {
  Machine machine;
  machine.process({.pid = 10});
  Collector collector(machine.options(), machine.say());
  const auto id = collector.add({.name = "train", .pid = 10});
  collector.sample(1 * kSecond);
  machine.process({.pid = 11, .parent = 10});
  collector.sample(2 * kSecond);
  EXPECT_EQ(collector.processes(id), 1u);
  machine.forks(11);
  collector.sample(3 * kSecond);
  EXPECT_EQ(collector.processes(id), 2u);
}

TEST(Collector, ANumberGivenAnewIsAnotherProcess) {
  Machine machine;
  machine.process({.pid = 10});
  machine.process({.pid = 11, .parent = 10});
  Collector collector(machine.options(), machine.say());
  const auto id = collector.add({.name = "train", .pid = 10});
  collector.sample(1 * kSecond);
  machine.ends(11);
  machine.process({.pid = 11, .parent = 1, .started = 900});  // a stranger
  machine.forks(12);
  collector.sample(2 * kSecond);
  collector.sample(3 * kSecond);
  EXPECT_EQ(collector.processes(id), 1u);
}

TEST(Collector, WorkloadsBelowOthersAreTheirOwn) {
  Machine machine;
  machine.process({.pid = 10});
  machine.process({.pid = 20, .parent = 10});
  machine.process({.pid = 21, .parent = 20, .session = 20});
  Collector collector(machine.options(), machine.say());
  const auto outer = collector.add({.name = "outer", .pid = 10});
  const auto inner = collector.add({.name = "inner", .pid = 20});
  collector.sample(1 * kSecond);
  EXPECT_EQ(collector.processes(outer), 1u);
  EXPECT_EQ(collector.processes(inner), 2u);
  collector.remove(inner);
  EXPECT_EQ(collector.processes(outer), 1u);
  EXPECT_THROW(collector.values(inner), std::logic_error);
}

TEST(Collector, ReadsV2ThroughTheProcessesOwnRoot) {
  Machine machine;
  machine.process({.pid = 10});
  machine.process({.pid = 11, .parent = 10, .session = 10});
  make_v2(machine);
  Collector collector(machine.options(), machine.say());
  const auto id = collector.add({.name = "train", .pid = 10});
  collector.sample(1 * kSecond);
  EXPECT_EQ(collector.cgroup(id).version(), 2);
  EXPECT_EQ(value(collector, id, M::memory_usage), 800000);
  EXPECT_EQ(value(collector, id, M::memory_working_set), 600000);
  EXPECT_EQ(value(collector, id, M::memory_peak), 900000);
  EXPECT_EQ(value(collector, id, M::memory_limit), 1000000);  // the pod's
  EXPECT_EQ(value(collector, id, M::memory_used_ratio), 0.6);
  EXPECT_EQ(value(collector, id, M::memory_oom), 2);
  EXPECT_EQ(value(collector, id, M::memory_oom_kills), 1);
  EXPECT_EQ(value(collector, id, M::memory_limit_hits), 3);
  EXPECT_EQ(value(collector, id, M::memory_high_events), 4);
  EXPECT_EQ(value(collector, id, M::cpu_seconds), 2.5);
  EXPECT_EQ(value(collector, id, M::cpu_periods), 10);
  EXPECT_EQ(value(collector, id, M::cpu_throttled_periods), 4);
  EXPECT_EQ(value(collector, id, M::cpu_throttled_seconds), 1.5);
  EXPECT_EQ(value(collector, id, M::cpu_limit), 1.5);
  EXPECT_EQ(value(collector, id, M::memory_some_avg10), 0.125);
  EXPECT_EQ(value(collector, id, M::memory_full_seconds), 1);
  EXPECT_EQ(value(collector, id, M::io_full_avg10), 0.02);
  EXPECT_EQ(value(collector, id, M::strangers), 1);
  EXPECT_TRUE(collector.history(id).latest(Signal::memory_bytes));
}

TEST(Collector, ReadsV1InItsOwnMounts) {
  Machine machine;
  machine.process({.pid = 10});
  make_v1(machine, false);
  Collector collector(machine.options(), machine.say());
  const auto id = collector.add({.name = "train", .pid = 10});
  collector.sample(1 * kSecond);
  EXPECT_EQ(collector.cgroup(id).version(), 1);
  EXPECT_EQ(value(collector, id, M::memory_working_set), 600000);
  EXPECT_EQ(value(collector, id, M::memory_limit), 1400000);  // of a level that cannot be seen
  EXPECT_EQ(value(collector, id, M::memory_peak), 750000);
  EXPECT_EQ(value(collector, id, M::memory_oom_kills), 2);
  EXPECT_EQ(value(collector, id, M::memory_limit_hits), 5);
  EXPECT_EQ(value(collector, id, M::cpu_seconds), 4.5);
  EXPECT_EQ(value(collector, id, M::cpu_throttled_seconds), 3);
  EXPECT_FALSE(collector.values(id).has(M::cpu_limit));
  EXPECT_FALSE(collector.values(id).has(M::memory_some_avg10));
  EXPECT_EQ(value(collector, id, M::strangers), 0);
  EXPECT_EQ(collector.history(id).latest(Signal::memory_bytes), 600000);
}

TEST(Collector, ACgroupOfSeveralWorkloadsIsReadOnceASample) {
  Machine machine;
  make_v1(machine, false);
  machine.process({.pid = 10});
  machine.process({.pid = 20});
  machine.process({.pid = 30});
  const std::string memory = "sys/fs/cgroup/memory/docker/";
  for (const int pid : {20, 30})
    machine.put(pid, "cgroup", fmt::format("4:memory:/docker/{}\n", pid == 20 ? "abc" : "other"));
  machine.put(10, "cgroup", "4:memory:/docker/abc\n");
  machine.files.write(memory + "abc/cgroup.procs", "10\n20\n");
  machine.files.write(memory + "other/cgroup.procs", "30\n");
  machine.files.write(memory + "other/memory.usage_in_bytes", "1234\n");
  machine.spoil(memory + "abc/memory.stat");
  Collector collector(machine.options(), machine.say());
  const auto one = collector.add({"one", 10});
  const auto two = collector.add({"two", 20});
  const auto three = collector.add({"three", 30});
  collector.sample(kSecond);
  EXPECT_EQ(collector.values(one).get(Metric::memory_usage), 700000);
  EXPECT_EQ(collector.values(two).get(Metric::memory_usage), 700000);
  EXPECT_EQ(collector.values(two).get(Metric::memory_oom_kills), 2);
  EXPECT_EQ(collector.values(three).get(Metric::memory_usage), 1234) << "another one";
  EXPECT_EQ(machine.times_said("memory.stat"), 1) << "of one, not again of two";
  machine.files.write(memory + "abc/memory.usage_in_bytes", "800000\n");
  collector.sample(2 * kSecond);
  EXPECT_EQ(collector.values(two).get(Metric::memory_usage), 800000);
  collector.remove(one);
  machine.files.write(memory + "abc/memory.usage_in_bytes", "900000\n");
  collector.sample(3 * kSecond);
  EXPECT_EQ(collector.values(two).get(Metric::memory_usage), 900000);
}

TEST(Collector, AHybridHasPressureInItsV2Part) {
  Machine machine;
  machine.process({.pid = 10});
  make_v1(machine, true);
  Collector collector(machine.options(), machine.say());
  const auto id = collector.add({.name = "train", .pid = 10});
  collector.sample(1 * kSecond);
  EXPECT_EQ(collector.cgroup(id).version(), 1);
  EXPECT_EQ(value(collector, id, M::memory_working_set), 600000);
  EXPECT_EQ(value(collector, id, M::cpu_some_avg10), 0.125);
}

TEST(Collector, TheMachinesRootCgroupTellsNothingOfAWorkload) {
  Machine machine;
  machine.process({.pid = 10});
  machine.put(10, "cgroup", "0::/\n");
  machine.files.write("proc/self/mountinfo",
                      "29 23 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  machine.files.write("sys/fs/cgroup/cgroup.procs", "10\n");
  machine.files.write("sys/fs/cgroup/cpu.stat", "usage_usec 5\n");
  Collector collector(machine.options(), machine.say());
  const auto id = collector.add({.name = "train", .pid = 10, .memory_limit = 1e7});
  collector.sample(1 * kSecond);
  EXPECT_FALSE(collector.values(id).has(M::cpu_seconds));
  EXPECT_EQ(machine.times_said("root cgroup"), 1);
  // By its processes instead.
  EXPECT_DOUBLE_EQ(value(collector, id, M::memory_used_ratio),
                   1000.0 * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e7);
}

TEST(Collector, WithoutPressureItIsAbsentAndSaidOnce) {
  Machine machine;
  machine.process({.pid = 10});
  make_v2(machine);
  for (const char* name : {"memory", "cpu", "io"}) {
    machine.erase(std::string("proc/10/root/sys/fs/cgroup/pod/app/") + name + ".pressure");
  }
  Collector collector(machine.options(), machine.say());
  const auto id = collector.add({.name = "train", .pid = 10});
  for (int i = 1; i < 40; ++i) collector.sample(i * kSecond);
  EXPECT_FALSE(collector.values(id).has(M::memory_some_avg10));
  EXPECT_EQ(value(collector, id, M::memory_usage), 800000);
  EXPECT_EQ(machine.times_said("container_pressure_*"), 1);
  EXPECT_EQ(machine.times_said("No such file"), 1 + machine.times_said("network_")) << "or more";
}

TEST(Collector, UnreadableFilesAreAbsentAndSaidOnceEach) {
  Machine machine;
  machine.process({.pid = 10});
  make_v2(machine);
  const std::string app = "proc/10/root/sys/fs/cgroup/pod/app/";
  for (const char* file : {"io", "status", "smaps_rollup", "oom_score"}) {
    machine.spoil(fmt::format("proc/10/{}", file));
  }
  for (const char* file : {"memory.current", "memory.events", "cpu.stat"})
    machine.spoil(app + file);
  Collector collector(machine.options(), machine.say());
  const auto id = collector.add({.name = "train", .pid = 10});
  for (int i = 1; i < 40; ++i) collector.sample(i * kSecond);
  for (const Metric absent : {M::read_bytes, M::switches_voluntary, M::proportional, M::oom_score,
                              M::memory_usage, M::memory_oom_kills, M::cpu_seconds}) {
    EXPECT_FALSE(collector.values(id).has(absent)) << describe(absent).name;
  }
  EXPECT_TRUE(collector.values(id).has(M::resident));
  for (const char* file : {"read io:", "read status:", "read smaps_rollup:", "read oom_score:",
                           "read memory.current:", "read memory.events:", "read cpu.stat:"}) {
    EXPECT_EQ(machine.times_said(file), 1) << file;
  }
}

TEST(Collector, AMovedWorkloadIsFoundInItsNewCgroup) {
  Machine machine;
  machine.process({.pid = 10});
  make_v2(machine);
  Collector collector(machine.options(), machine.say());
  const auto id = collector.add({.name = "train", .pid = 10});
  collector.sample(1 * kSecond);
  const std::string pod = "proc/10/root/sys/fs/cgroup/pod/";
  machine.files.write(pod + "app/cgroup.procs", "99\n");
  machine.files.write(pod + "new/cgroup.procs", "10\n");
  machine.files.write(pod + "new/cgroup.type", "domain\n");
  machine.files.write(pod + "new/memory.current", "5\n");
  machine.put(10, "cgroup", "0::/pod/new\n");
  collector.sample(20 * kSecond);
  EXPECT_EQ(value(collector, id, M::memory_usage), 5);
}

TEST(Collector, VolumesAndTheNetwork) {
  Machine machine;
  machine.files.write("proc/self/net/dev",
                      "Inter-|   Receive\n face |bytes\n"
                      "    lo: 7 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n"
                      "  eth0:1000 5 0 2 0 0 0 0 500 4 0 1 0 0 0 0\n");
  machine.files.write("proc/self/net/snmp",
                      "Ip: A B\nIp: 1 2\nTcp: MaxConn OutSegs RetransSegs\nTcp: -1 60 15\n");
  machine.files.write("proc/self/net/netstat",
                      "TcpExt: ListenOverflows ListenDrops\nTcpExt: 3 4\n");
  Options options = machine.options();
  options.volumes = {machine.files.path().string(), "/no/such"};
  Collector collector(options, machine.say());
  for (int i = 1; i < 30; ++i) collector.sample(i * kSecond);
  const Values& network = collector.network();
  EXPECT_EQ(network.get(M::network_received), 1000);
  EXPECT_EQ(network.get(M::network_receive_dropped), 2);
  EXPECT_EQ(network.get(M::network_sent), 500);
  EXPECT_EQ(network.get(M::network_send_dropped), 1);
  EXPECT_EQ(network.get(M::tcp_sent_segments), 60);
  EXPECT_EQ(network.get(M::tcp_retransmits), 15);
  EXPECT_EQ(network.get(M::tcp_listen_overflows), 3);
  EXPECT_EQ(network.get(M::tcp_listen_drops), 4);
  ASSERT_EQ(collector.volumes().size(), 2u);
  EXPECT_GT(collector.volumes()[0].get(M::volume_size).value_or(0), 0);
  EXPECT_FALSE(collector.volumes()[1].has(M::volume_size));
  EXPECT_EQ(machine.times_said("volume /no/such: volume_*: cannot read /no/such: No such"), 1);
}

}  // namespace
}  // namespace scanflow::collect
