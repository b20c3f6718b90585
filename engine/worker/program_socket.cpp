#include "engine/worker/program_socket.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "sdk/base/files.hpp"

namespace scanflow::worker {

Result<std::unique_ptr<ProgramSocket>> ProgramSocket::listen(Loop& loop, const std::string& path,
                                                             Connected connected) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail(fmt::format("the socket's path {} is too long (at most {} bytes)", path,
                            sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  ::unlink(path.c_str());
  const mode_t mask = ::umask(0177);  // nobody else may connect
  const bool bound =
      ::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      ::listen(listener.get(), 16) == 0;
  const int error = errno;
  ::umask(mask);
  if (!bound) return fail(describe_errno("cannot listen on", path, error));
  return std::unique_ptr<ProgramSocket>(
      new ProgramSocket(loop, path, std::move(listener), std::move(connected)));
}

ProgramSocket::ProgramSocket(Loop& loop, std::string path, UniqueFd listener, Connected connected)
    : loop_(loop),
      path_(std::move(path)),
      listener_(std::move(listener)),
      connected_(std::move(connected)) {
  loop_.watch(listener_.get(), EPOLLIN, [this](std::uint32_t) {
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) connected_(std::move(fd));
  });
}

ProgramSocket::~ProgramSocket() {
  loop_.forget(listener_.get());
  ::unlink(path_.c_str());
}

}  // namespace scanflow::worker
