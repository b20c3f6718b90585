// The OpenMP runtimes that a plugin library has brought along.
#pragma once

#include <cstdint>
#include <vector>

namespace scanflow::worker {

class OpenMp {
 public:
  /// Those that are loaded now; they stay loaded. To be called before forking: looking for one
  /// touches a page of every library, which costs a fork of a large process milliseconds.
  static OpenMp find();

  /// For parallel regions of the calling thread. OMP_NUM_THREADS comes too late for a runtime that
  /// is loaded already.
  void set_threads(std::uint32_t threads) const;

 private:
  std::vector<void (*)(int)> setters_;
};

}  // namespace scanflow::worker
