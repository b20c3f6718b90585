#include "engine/podman/process.hpp"

#include <utility>

namespace scanflow::podman {

Answer<Ended> run(const Invocation& command, const std::stop_token& stop) {
  using Why = worker::NotRun::Why;
  auto ended = worker::run_program(command, stop);
  if (ended) return std::move(*ended);
  const std::string& message = ended.error().message;
  switch (ended.error().why) {
    case Why::absent:
      return refuse(Refusal::absent,
                    message +
                        ": install it (Debian: apt install podman runc catatonit netavark "
                        "iptables)");
    case Why::stopped:
      return refuse(Refusal::stopped, message);
    case Why::late:
      return refuse(Refusal::deadline, message);
    case Why::other:
      break;
  }
  return refuse(Refusal::other, message);
}

}  // namespace scanflow::podman
