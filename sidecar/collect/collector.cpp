#include "sidecar/collect/collector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "sdk/base/clock.hpp"
#include "sidecar/collect/network.hpp"
#include "sidecar/collect/process_group.hpp"
#include "sidecar/collect/text.hpp"

namespace scanflow::collect {

using M = Metric;

struct Collector::Watched {
  Watched(Id given, Workload what, const Say* say)
      : id(given), workload(std::move(what)), notes("workload " + workload.name, say) {}

  Id id;
  Workload workload;
  Notes notes;
  ProcessGroup group;
  CgroupReader cgroup;
  Values values;
  Values of_cgroup;
  bool cgroup_read = false;  // in this sample
  Values slow;               // what is read more rarely, as it was then
  History history;
  std::int64_t rollup_at_us = INT64_MIN;
};

Collector::Collector(Options options, Say say)
    : options_(std::move(options)),
      say_(std::move(say)),
      notes_("pod", &say_),
      table_(options_.proc),
      self_(Directory::open(table_.proc(), "self")),
      volumes_(options_.volumes.size()) {
  for (const std::string& path : options_.volumes)
    volume_notes_.emplace_back("volume " + path, &say_);
}

Collector::~Collector() = default;

Collector::Id Collector::add(const Workload& workload) {
  watched_.push_back(std::make_unique<Watched>(next_, workload, &say_));
  table_.follow(next_, workload.pid);
  slow_at_us_ = INT64_MIN;
  return next_++;
}

void Collector::remove(Id id) {
  table_.unfollow(id);
  std::erase_if(watched_, [&](const auto& watched) { return watched->id == id; });
}

Collector::Watched& Collector::at(Id id) const {
  const auto found = std::find_if(watched_.begin(), watched_.end(),
                                  [&](const auto& watched) { return watched->id == id; });
  if (found == watched_.end()) throw std::logic_error(fmt::format("no workload {} is watched", id));
  return **found;
}

const Values& Collector::values(Id id) const { return at(id).values; }
const History& Collector::history(Id id) const { return at(id).history; }
std::vector<pid_t> Collector::outside(Id id, pid_t group) {
  adopt(table_.refresh(buffer_, notes_));
  return at(id).group.outside(group);
}

std::size_t Collector::processes(Id id) const { return at(id).group.size(); }
const CgroupReader& Collector::cgroup(Id id) const { return at(id).cgroup; }

std::span<const Values> Collector::gpus() const {
  return gpus_ ? gpus_->devices() : std::span<const Values>();
}

void Collector::adopt(const std::vector<ProcessTable::Found>& found) {
  for (const ProcessTable::Found& one : found) {
    at(one.owner).group.add(table_.proc(), one, buffer_);
  }
}

namespace {

struct Members {
  int own = 0;
  int others = 0;
};

/// Who is in the cgroup; nothing where that cannot be known.
std::optional<Members> members_of(const CgroupReader& cgroup, const ProcessTable& table,
                                  std::uint32_t owner, FileBuffer& buffer) {
  if (!cgroup.members()) return std::nullopt;
  const Text text = buffer.read(cgroup.members(), "cgroup.procs");
  if (!text) return std::nullopt;
  Members members;
  std::string_view rest = text.text;
  while (!rest.empty()) {
    const auto pid = number_of<pid_t>(take_line(rest));
    if (pid) ++(table.owner_of(*pid) == owner ? members.own : members.others);
  }
  return members;
}

/// The worse of both limits, since either ends it.
void set_used_ratio(double own_limit, Values& values) {
  std::optional<double> worst;
  const auto take = [&](std::optional<double> used, std::optional<double> limit) {
    if (used && limit && *limit > 0) worst = std::max(worst.value_or(0), *used / *limit);
  };
  take(values.get(M::memory_working_set), values.get(M::memory_limit));
  take(values.get(M::resident), own_limit);
  values.set(M::memory_used_ratio, worst);
}

}  // namespace

/// At first, and where the workload has moved to another. One that has ended is listed nowhere: its
/// old one is kept, for its last events.
void Collector::find_cgroup(Watched& watched) {
  auto members = members_of(watched.cgroup, table_, watched.id, buffer_);
  const bool left = !members || members->own == 0;
  const bool alive = watched.values.get(M::processes) > watched.values.get(M::processes_zombie);
  if (alive && (!watched.cgroup.found() || left)) {
    CgroupReader found = CgroupReader::open(options_.proc, options_.root, watched.group.first(),
                                            buffer_, watched.notes);
    if (found.found()) {
      watched.cgroup = std::move(found);
      members = members_of(watched.cgroup, table_, watched.id, buffer_);
    }
  }
  if (members) watched.slow.set(M::strangers, static_cast<double>(members->others));
}

void Collector::read_slow(Watched& watched) {
  const Values before = watched.slow;
  watched.slow.clear();
  find_cgroup(watched);
  watched.cgroup.read_limits(buffer_, watched.notes, watched.slow);
  watched.group.read_oom_score(buffer_, watched.notes, watched.slow);
  watched.slow.set(M::proportional, before.get(M::proportional));
  watched.slow.set(M::private_dirty, before.get(M::private_dirty));
}

/// As rarely as its cost asks for.
void Collector::read_rollup(Watched& watched, std::int64_t now_us) {
  if (now_us < watched.rollup_at_us || watched.group.empty()) return;
  const std::int64_t begin = read_clock_us(CLOCK_THREAD_CPUTIME_ID);
  watched.group.read_rollup(buffer_, watched.notes, watched.slow);
  const auto cost = static_cast<double>(read_clock_us(CLOCK_THREAD_CPUTIME_ID) - begin);
  watched.rollup_at_us = now_us + std::max(options_.rollup_every_us,
                                           static_cast<std::int64_t>(cost / options_.rollup_share));
}

/// The steps of one machine mostly lie in the same one: it is read once a sample for all of them.
void Collector::read_cgroup(Watched& watched) {
  const auto same = std::find_if(watched_.begin(), watched_.end(), [&](const auto& other) {
    return other->cgroup_read && other->cgroup.reads_as(watched.cgroup);
  });
  if (same != watched_.end()) {
    watched.of_cgroup = (*same)->of_cgroup;
  } else {
    watched.of_cgroup.clear();
    watched.cgroup.read(buffer_, watched.notes, watched.of_cgroup);
  }
  watched.cgroup_read = true;
  watched.values.take(watched.of_cgroup);
}

void Collector::read_workload(Watched& watched, std::int64_t now_us, bool slow) {
  Values& values = watched.values;
  values.clear();
  watched.group.read(table_, buffer_, watched.notes, values);
  if (slow) read_slow(watched);
  read_rollup(watched, now_us);
  read_cgroup(watched);
  for (const Metric metric : {M::memory_limit, M::cpu_limit, M::strangers}) {
    values.set(metric, watched.slow.get(metric));
  }
  if (watched.group.empty()) return;
  for (const Metric metric : {M::oom_score, M::proportional, M::private_dirty}) {
    values.set(metric, watched.slow.get(metric));
  }
  set_used_ratio(watched.workload.memory_limit, values);
}

void Collector::read_gpus() {
  if (!gpus_tried_ && !options_.nvml.empty()) gpus_ = Gpus::load(options_.nvml.c_str(), notes_);
  gpus_tried_ = true;
  if (!gpus_) return;
  gpus_->read(notes_);
  for (const GpuProcess& process : gpus_->processes()) {
    const auto owner = table_.owner_of(process.pid);
    if (!owner) continue;
    Values& values = at(*owner).values;
    values.add(M::gpu_process_memory, process.memory_bytes);
    values.add(M::gpu_process_utilization, process.utilization);
  }
}

void Collector::sample(std::int64_t now_us) {
  adopt(table_.refresh(buffer_, notes_));
  const bool slow = now_us >= slow_at_us_;
  if (slow) slow_at_us_ = now_us + options_.slow_every_us;
  for (const auto& watched : watched_) watched->cgroup_read = false;
  for (const auto& watched : watched_) read_workload(*watched, now_us, slow);
  read_gpus();
  for (const auto& watched : watched_) {
    if (!watched->group.empty()) watched->history.add(now_us, watched->values);
  }
  if (now_us >= network_at_us_) {
    network_at_us_ = now_us + options_.network_every_us;
    network_.clear();
    read_network(self_, buffer_, notes_, network_);
  }
  if (!slow) return;
  for (std::size_t i = 0; i < volumes_.size(); ++i) {
    volumes_[i].clear();
    read_volume(options_.volumes[i], volume_notes_[i], volumes_[i]);
  }
}

}  // namespace scanflow::collect
