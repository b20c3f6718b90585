// One process of a service. Private to engine/serve.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "engine/infer/document.hpp"
#include "engine/serve/replicas.hpp"
#include "sdk/base/unique_fd.hpp"

namespace scanflow::serve {

using Clock = std::chrono::steady_clock;

struct Replica {
  ReplicaStatus status;
  std::uint64_t generation = 0;  // of the document that it serves
  pid_t pid = 0;
  std::shared_ptr<UniqueFd> process;  // pidfd
  UniqueFd lifeline, out;             // its stdin; its stdout
  std::string said;                   // on stdout, so far
  std::string listen, admin;          // addresses
  std::filesystem::path document, log;
  Clock::time_point started, kill_at = Clock::time_point::max();
  unsigned unanswered = 0;  // questions of its supervisor, in a row
  bool asked = false;       // one is on its way
  Clock::time_point next_question;
  std::shared_ptr<http::Upstream> questions;  // to its admin socket; lives on the server's thread
};

/// Starts it: writes its document, opens its log. An error says why not.
Result<void> start(Replica& replica, const ReplicasOptions& options,
                   infer::ServiceDocument document);

/// Of a replica of long ago.
void remove_log(const ReplicasOptions& options, const std::string& id);

/// Also when it has ended meanwhile: it never reaches another process.
void send_signal(const UniqueFd& process, int signal);

/// The last lines of its log: why it may have ended.
std::string last_words(const Replica& replica);

}  // namespace scanflow::serve
