// All that a sidecar sees of its workloads: one object, sampled once a second.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sidecar/collect/cgroup.hpp"
#include "sidecar/collect/gpu.hpp"
#include "sidecar/collect/history.hpp"
#include "sidecar/collect/metrics.hpp"
#include "sidecar/collect/notes.hpp"
#include "sidecar/collect/process_table.hpp"

namespace scanflow::collect {

struct Options {
  std::string proc = "/proc";
  std::string root;                           // before the paths of cgroup mounts; for tests
  std::string nvml = "libnvidia-ml.so.1";     // empty: GPUs are not looked at
  std::vector<std::string> volumes;           // paths
  std::int64_t slow_every_us = 10'000'000;    // limits, volumes, OOM scores, who else is there
  std::int64_t network_every_us = 5'000'000;  // three files, as dear as two processes
  std::int64_t rollup_every_us = 60'000'000;  // PSS: the kernel walks all pages for it
  double rollup_share = 0.0002;  // of a core, that PSS may cost at most: else more rarely
};

/// What to watch.
struct Workload {
  std::string name;         // for what is said
  pid_t pid = 0;            // root of the tree
  double memory_limit = 0;  // bytes of its processes, where someone watches that; 0: none
};

/// One owner, one thread. Nothing throws for what the kernel shows or hides; memory is allocated
/// only when workloads or processes come.
class Collector {
 public:
  using Id = std::uint32_t;

  Collector(Options options, Say say);
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  Id add(const Workload& workload);
  void remove(Id id);

  /// `now_us`: a monotonic clock's. Reads everything that is due.
  void sample(std::int64_t now_us);

  /// Of the last sample; absent ones could not be read. `id`: of add, not yet removed.
  const Values& values(Id id) const;
  /// The last minute, for rules and the post-mortem.
  const History& history(Id id) const;
  /// Its processes, as they are now, that have left this process group.
  std::vector<pid_t> outside(Id id, pid_t group);
  /// Living members; 0: it has ended.
  std::size_t processes(Id id) const;
  const CgroupReader& cgroup(Id id) const;

  /// The network of this process's namespace, of the last time that it was due.
  const Values& network() const { return network_; }
  /// In the order of Options::volumes.
  std::span<const Values> volumes() const { return volumes_; }
  std::span<const Values> gpus() const;

 private:
  struct Watched;
  void adopt(const std::vector<ProcessTable::Found>& found);
  void read_workload(Watched& watched, std::int64_t now_us, bool slow);
  void find_cgroup(Watched& watched);
  void read_slow(Watched& watched);
  void read_cgroup(Watched& watched);
  void read_rollup(Watched& watched, std::int64_t now_us);
  void read_gpus();
  Watched& at(Id id) const;

  Options options_;
  Say say_;
  Notes notes_;
  FileBuffer buffer_;
  ProcessTable table_;
  Directory self_;
  std::vector<std::unique_ptr<Watched>> watched_;
  Id next_ = 0;
  std::unique_ptr<Gpus> gpus_;
  bool gpus_tried_ = false;
  Values network_;
  std::vector<Values> volumes_;
  std::vector<Notes> volume_notes_;
  std::int64_t slow_at_us_ = INT64_MIN;
  std::int64_t network_at_us_ = INT64_MIN;
};

}  // namespace scanflow::collect
