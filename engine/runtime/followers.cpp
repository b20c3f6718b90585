#include "engine/runtime/followers.hpp"

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

}  // namespace

Result<Followers> Followers::open(const StateDirectory& state) {
  const int fd = ::open(state.followers().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd >= 0) return Followers(fd);
  return fail(describe_errno("cannot open", state.followers(), errno) +
              " (whoever runs something needs to write the state directory; choose another with "
              "--state)");
}

Followers::~Followers() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> Followers::add(const std::string& run) {
  struct flock lock = byte_of(run, F_RDLCK);  // several may follow one run
  // Of the open file, not of the process: another one of it sees the lock.
  if (::fcntl(fd_, F_OFD_SETLK, &lock) == 0) return {};
  return fail(describe_errno("cannot lock", "the list of followers", errno));
}

bool Followers::has(const std::string& run) const {
  struct flock lock = byte_of(run, F_WRLCK);
  return ::fcntl(fd_, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace scanflow::runtime
