// Descriptors that travel beside bytes over a Unix socket.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "sdk/base/unique_fd.hpp"

namespace scanflow::worker {

/// Writes all bytes, the descriptor beside the first; blocks. False: the other side is gone.
bool send_with_fd(int socket, std::string_view bytes, int fd);

/// Appends what is there to `bytes` and the descriptors that came along to `fds`, close-on-exec.
/// Does not block. False at the end of the stream.
bool receive_with_fds(int socket, std::string& bytes, std::deque<UniqueFd>& fds);

}  // namespace scanflow::worker
