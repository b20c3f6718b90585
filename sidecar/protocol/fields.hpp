// The fields of each message in their order on the wire. New ones go to the end; none is ever
// removed or reordered within a major version.
#pragma once

#include <tuple>

#include "sidecar/protocol/messages.hpp"

namespace scanflow::protocol {

// clang-format off
inline auto fields(Header& v) {
  return std::tie(v.major, v.minor, v.type, v.pod_uid, v.boot_id, v.term, v.seq, v.ack, v.t_mono_us);
}
inline auto fields(AttemptId& v) { return std::tie(v.run, v.step, v.attempt); }
inline auto fields(Input& v) { return std::tie(v.name, v.path, v.sha256, v.bytes, v.directory); }
inline auto fields(Request& v) {
  return std::tie(v.id, v.pipeline, v.uses, v.library, v.config, v.inputs, v.env, v.threads,
                  v.memory_limit, v.grace_us, v.cwd, v.log_dir, v.secrets, v.log_limit,
                  v.steering, v.checkpoints, v.pod, v.replicas, v.saved);
}
inline auto fields(LogRange& v) { return std::tie(v.segment, v.offset, v.length); }
inline auto fields(ArtifactFile& v) { return std::tie(v.name, v.path, v.directory, v.sha256, v.bytes); }
inline auto fields(Result& v) {
  return std::tie(v.id, v.status, v.cause, v.message, v.exit_code, v.signal, v.outputs, v.artifacts,
                  v.log, v.started_us, v.ended_us, v.cpu_us, v.max_rss, v.post_mortem);
}
inline auto fields(Account& v) { return std::tie(v.produced, v.dropped, v.sent); }
inline auto fields(Hello& v) {
  return std::tie(v.role, v.pid, v.version, v.capabilities, v.kept, v.running, v.name, v.last_command, v.telemetry, v.spool, v.oldest, v.token);
}
inline auto fields(Reject& v) { return std::tie(v.reason, v.min_major, v.max_major); }
inline auto fields(Launch& v) { return std::tie(v.request); }
inline auto fields(Started& v) {
  return std::tie(v.id, v.pid, v.started_us, v.log, v.memory_limit, v.steering);
}
inline auto fields(Cancel& v) { return std::tie(v.id, v.reason); }
inline auto fields(Progress& v) { return std::tie(v.id, v.fraction, v.message); }
inline auto fields(Metric& v) {
  return std::tie(v.id, v.name, v.value, v.step, v.time_us, v.labels, v.logged, v.number);
}
inline auto fields(Ended& v) { return std::tie(v.result); }
inline auto fields(Acknowledge& v) { return std::tie(v.id); }
inline auto fields(HostCall& v) { return std::tie(v.id, v.call, v.method, v.arguments); }
inline auto fields(HostReply& v) { return std::tie(v.id, v.call, v.ok, v.value); }
inline auto fields(Shutdown&) { return std::tie(); }
inline auto fields(Spawn& v) { return std::tie(v.request, v.slot, v.directory, v.cgroup); }
inline auto fields(Forked& v) { return std::tie(v.pid); }
inline auto fields(Exited& v) { return std::tie(v.pid, v.wait_status, v.cpu_us, v.max_rss); }
inline auto fields(Fork&) { return std::tie(); }
inline auto fields(Offers& v) { return std::tie(v.id, v.commands); }
inline auto fields(StepCommand& v) { return std::tie(v.id, v.call, v.name, v.arguments); }
inline auto fields(StepAnswer& v) { return std::tie(v.id, v.call, v.outcome, v.value); }
inline auto fields(Welcome& v) {
  return std::tie(v.lease_us, v.heartbeat_us, v.sample_us, v.credit, v.window);
}
inline auto fields(Heartbeat& v) { return std::tie(v.telemetry, v.credit); }
inline auto fields(Credit& v) { return std::tie(v.samples); }
inline auto fields(Series& v) { return std::tie(v.number, v.name, v.kind, v.labels); }
inline auto fields(Telemetry& v) {
  return std::tie(v.first, v.produced, v.dropped, v.time_us, v.series, v.numbers, v.times,
                  v.values);
}
inline auto fields(Deliver& v) { return std::tie(v.spool, v.number, v.message); }
inline auto fields(Delivered& v) { return std::tie(v.spool, v.number); }
inline auto fields(Command& v) {
  return std::tie(v.id, v.generation, v.target, v.primitive, v.arguments, v.deadline_us);
}
inline auto fields(Received& v) { return std::tie(v.id); }
inline auto fields(Outcome& v) {
  return std::tie(v.id, v.target, v.primitive, v.outcome, v.message, v.evidence, v.started_us,
                  v.ended_us);
}
inline auto fields(Goodbye& v) { return std::tie(v.reason); }
inline auto fields(Observe& v) { return std::tie(v.hub); }
inline auto fields(Fetch& v) { return std::tie(v.transfer, v.object, v.sha256, v.offset, v.allowed); }
inline auto fields(Store& v) {
  return std::tie(v.transfer, v.id, v.object, v.name, v.bytes, v.sha256);
}
inline auto fields(Resume& v) { return std::tie(v.transfer, v.offset, v.allowed); }
inline auto fields(Grant& v) { return std::tie(v.transfer, v.taken, v.allowed); }
inline auto fields(Chunk& v) { return std::tie(v.transfer, v.offset, v.bytes, v.data); }
inline auto fields(Sealed& v) { return std::tie(v.transfer, v.bytes, v.sha256); }
inline auto fields(Stored& v) { return std::tie(v.transfer, v.sha256); }
inline auto fields(Refused& v) { return std::tie(v.transfer, v.reason, v.again); }
// clang-format on

/// What errors call a message.
inline constexpr const char* kTypeNames[] = {
    "Hello",   "Reject",      "Launch",   "Started",     "Cancel",     "Progress", "Metric",
    "Ended",   "Acknowledge", "HostCall", "HostReply",   "Shutdown",   "Spawn",    "Forked",
    "Exited",  "Fork",        "Offers",   "StepCommand", "StepAnswer", "Welcome",  "Heartbeat",
    "Credit",  "Telemetry",   "Deliver",  "Delivered",   "Command",    "Received", "Outcome",
    "Goodbye", "Observe",     "Fetch",    "Store",       "Resume",     "Grant",    "Chunk",
    "Sealed",  "Stored",      "Refused"};
static_assert(std::size(kTypeNames) == std::variant_size_v<Body>);

}  // namespace scanflow::protocol
