// The processes of one workload, summed.
#pragma once

#include <cstdint>
#include <vector>

#include "sidecar/collect/files.hpp"
#include "sidecar/collect/metrics.hpp"
#include "sidecar/collect/notes.hpp"
#include "sidecar/collect/process.hpp"
#include "sidecar/collect/process_table.hpp"

namespace scanflow::collect {

/// A counter out of sums over processes that come and go. The kernel adds a child that was waited
/// for to its parent, so the sum goes on rising; where it falls (one that nobody of the workload
/// waited for has ended), what was lost is added again, so that the counter never falls.
class Counter {
 public:
  double feed(double sum) {
    if (sum < last_) base_ += last_ - sum;
    last_ = sum;
    return base_ + last_;
  }

 private:
  double last_ = 0;
  double base_ = 0;
};

class ProcessGroup {
 public:
  /// Keeps one descriptor for each process, so that a number given anew is not mistaken.
  void add(const Directory& proc, const ProcessTable::Found& found, FileBuffer& buffer);

  /// Those that ended are forgotten here and in the table.
  void read(ProcessTable& table, FileBuffer& buffer, Notes& notes, Values& values);
  /// What is dear, or changes rarely.
  void read_oom_score(FileBuffer& buffer, Notes& notes, Values& values) const;
  void read_rollup(FileBuffer& buffer, Notes& notes, Values& values) const;

  /// Those that live and have left this process group: signals to it do not reach them.
  std::vector<pid_t> outside(pid_t group) const;

  std::size_t size() const { return members_.size(); }
  bool empty() const { return members_.empty(); }
  pid_t first() const { return members_.front().pid; }

 private:
  struct Member {
    pid_t pid;
    Directory directory;
    bool gone = false;
  };
  struct Sums;
  bool read_member(Member& member, FileBuffer& buffer, Notes& notes, Sums& sums) const;
  void publish(const Sums& sums, Values& values);

  std::vector<Member> members_;
  Counter user_, system_, faults_, voluntary_, involuntary_, read_, written_;
};

}  // namespace scanflow::collect
