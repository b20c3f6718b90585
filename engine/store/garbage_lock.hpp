// What keeps a collection of garbage from removing what is just being taken into use. Private to
// engine/store.
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "sdk/base/files.hpp"

namespace scanflow::store {

/// A flock on the directory of artifacts, so that it holds between processes too, needs no space on
/// a full disk, and ends with its holder. Held for moments only: while something old is made young
/// (shared), or is found to be old and taken away (exclusive).
class GarbageLock {
 public:
  static Result<GarbageLock> shared(const std::filesystem::path& root) {
    return take(root, LOCK_SH);
  }
  static Result<GarbageLock> exclusive(const std::filesystem::path& root) {
    return take(root, LOCK_EX);
  }
  GarbageLock(GarbageLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  GarbageLock& operator=(GarbageLock&&) = delete;
  ~GarbageLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

 private:
  explicit GarbageLock(int descriptor) : descriptor_(descriptor) {}

  static Result<GarbageLock> take(const std::filesystem::path& root, int kind) {
    GarbageLock lock(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (lock.descriptor_ < 0) return fail(describe_errno("cannot open", root, errno));
    while (::flock(lock.descriptor_, kind) != 0) {
      if (errno != EINTR) return fail(describe_errno("cannot lock", root, errno));
    }
    return lock;
  }

  int descriptor_;
};

}  // namespace scanflow::store
