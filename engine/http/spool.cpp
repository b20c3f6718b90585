#include "engine/http/spool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "sdk/base/files.hpp"

namespace scanflow::http {
namespace {

/// Of a small disk less is kept free than of a large one: a part in so many.
constexpr std::uint64_t kReservedPart = 20;

tl::unexpected<NotTaken> not_taken(int status, std::string message) {
  return tl::unexpected<NotTaken>({status, std::move(message)});
}

tl::unexpected<NotTaken> no_room(const std::filesystem::path& directory, const std::string& why) {
  return not_taken(507,
                   fmt::format("cannot store the body in {}: {}; free some space on that disk, "
                               "or choose a directory on another one",
                               directory.string(), why));
}

}  // namespace

Taken<std::shared_ptr<Spool>> Spool::open(const SpoolTo& to, std::optional<std::uint64_t> claimed) {
  std::error_code error;
  std::filesystem::create_directories(to.directory, error);
  if (error)
    return not_taken(500,
                     fmt::format("cannot make {}: {}", to.directory.string(), error.message()));
  std::shared_ptr<Spool> spool(new Spool(to));
  if (auto room = spool->has_room_for(claimed.value_or(0)); !room)
    return tl::unexpected(std::move(room.error()));
  std::string name = (to.directory / "upload-XXXXXX").string();
  spool->fd_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (spool->fd_ < 0) return not_taken(500, describe_errno("cannot make", name, errno));
  spool->path_ = name;
  return spool;
}

Spool::~Spool() {
  if (fd_ < 0) return;
  ::close(fd_);
  std::error_code ignored;  // what stays is removed when the next server starts
  std::filesystem::remove(path_, ignored);
}

Taken<void> Spool::has_room_for(std::uint64_t more) const {
  if (more > to_.most_bytes || bytes_ > to_.most_bytes - more)
    return not_taken(413, fmt::format("the body exceeds {} MiB", to_.most_bytes >> 20));
  struct statvfs disk {};
  if (::statvfs(to_.directory.c_str(), &disk) != 0)
    return not_taken(500, describe_errno("cannot look at", to_.directory, errno));
  const std::uint64_t free = disk.f_bavail * disk.f_frsize;
  const std::uint64_t kept =
      std::min(to_.reserve_bytes, disk.f_blocks * disk.f_frsize / kReservedPart);
  if (free >= kept && free - kept >= more) return {};
  return no_room(to_.directory,
                 fmt::format("{} MiB are free, of which {} MiB are kept for others, and the body "
                             "needs {} MiB more",
                             free >> 20, kept >> 20, (more >> 20) + 1));
}

Taken<void> Spool::write(std::string_view piece) {
  if (auto room = has_room_for(piece.size()); !room) return room;
  digest_.update(piece);
  bytes_ += piece.size();
  while (!piece.empty()) {
    const ssize_t n = ::write(fd_, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == ENOSPC || errno == EDQUOT))
      return no_room(to_.directory, std::generic_category().message(errno));
    if (n < 0) return not_taken(500, describe_errno("cannot write", path_, errno));
    piece.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Taken<std::shared_ptr<const BodyFile>> Spool::finish() {
  auto file = std::make_shared<const BodyFile>(path_, bytes_, digest_.hex());
  if (::close(std::exchange(fd_, -1)) != 0)
    return not_taken(500, describe_errno("cannot write", path_, errno));
  return file;
}

}  // namespace scanflow::http
