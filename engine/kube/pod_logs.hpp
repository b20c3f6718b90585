// What a container has written, read of its kubelet through the API server.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "engine/kube/client.hpp"
#include "engine/kube/log_lines.hpp"

namespace scanflow::kube {

struct LogOptions {
  std::string container;  // never empty
  bool follow = false;    // until it has ended; it must have begun
  std::optional<std::int64_t> tail_lines = {};
  /// Of a container that is followed: then the connection is taken for half open, and made anew.
  std::chrono::milliseconds silence = std::chrono::minutes(5);
};

/// Blocks until all is read; `take` is called on this thread, with each line once, over as many connections as it
/// takes. A container that is followed has ended when its Pod says so, or is gone. What may pass is asked again, a few
/// times in a row; a Failure otherwise (403, 404; 400 where it has not begun), and where it is stopped.
Answer<void> read_log(Client& client, const std::string& name_space, const std::string& pod,
                      const LogOptions& options, const LogLines::Take& take,
                      const std::stop_token& stop = {});

/// The end of what a container has written: so many lines, and so many bytes of them, at most. "" where that cannot be
/// had within `patience`.
std::string last_words_of(Client& client, const std::string& name_space, const std::string& pod,
                          const std::string& container, std::chrono::milliseconds patience,
                          const std::stop_token& stop = {});

}  // namespace scanflow::kube
