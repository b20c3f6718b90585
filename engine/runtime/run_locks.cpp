#include "engine/runtime/run_locks.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "sdk/base/digest.hpp"
#include "sdk/base/files.hpp"

namespace scanflow::runtime {
namespace {

/// The byte of a run: 60 bits, so that two runs never mean the same one.
struct flock byte_of(const std::string& run, short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(std::stoull(sha256_hex(run).substr(0, 15), nullptr, 16));
  lock.l_len = 1;
  return lock;
}

bool is_locked(int fd, const std::string& run) {
  struct flock lock = byte_of(run, F_WRLCK);
  return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace

Result<RunLocks> RunLocks::open(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd >= 0) return RunLocks(fd);
  return fail(describe_errno("cannot open", file, errno) +
              " (whoever runs something needs to write the state directory; choose another with "
              "--state)");
}

RunLocks::~RunLocks() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> RunLocks::add(const std::string& run) {
  struct flock lock = byte_of(run, F_RDLCK);  // several may hold one run
  // Of the open file, not of the process: another one of it sees the lock.
  if (::fcntl(fd_, F_OFD_SETLK, &lock) == 0) return {};
  return fail(describe_errno("cannot lock", "a run", errno));
}

void RunLocks::remove(const std::string& run) {
  struct flock lock = byte_of(run, F_UNLCK);
  (void)::fcntl(fd_, F_OFD_SETLK, &lock);
}

bool RunLocks::has(const std::string& run) const { return is_locked(fd_, run); }

bool goes_on(const StateDirectory& state, const std::string& run) {
  if (!ProcessLock::is_held(state.engine_lock())) return false;
  for (const auto& file : {state.engine_runs(), state.followers()}) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    const bool locked = fd >= 0 && is_locked(fd, run);
    if (fd >= 0) ::close(fd);
    if (locked) return true;
  }
  return false;
}

}  // namespace scanflow::runtime
