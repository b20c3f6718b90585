#include "engine/worker/program_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "sdk/base/unix_socket.hpp"

namespace scanflow::worker {

Result<std::unique_ptr<ProgramSocket>> ProgramSocket::listen(Loop& loop, const std::string& path,
                                                             Connected connected) {
  auto listener = listen_at(path);
  if (!listener) return tl::unexpected(listener.error());
  return std::unique_ptr<ProgramSocket>(
      new ProgramSocket(loop, path, std::move(*listener), std::move(connected)));
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
