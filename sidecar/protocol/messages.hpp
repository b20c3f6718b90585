// The messages between engine, supervisor and step host (and, with the sidecar, hub): plain types.
// codec.hpp turns them into msgpack. On the wire a message is [header, body], both arrays; trailing
// elements are ignored by older readers, missing ones keep their default.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace scanflow::protocol {

inline constexpr std::uint32_t kMajor = 1;
inline constexpr std::uint32_t kMinor = 0;

struct Header {
  std::uint32_t major = kMajor;
  std::uint32_t minor = kMinor;
  std::uint32_t type = 0;      // index of the body in Body
  std::string pod_uid;         // empty on the local backend
  std::string boot_id;         // of the sender's process
  std::uint64_t term = 0;      // fencing number of the engine
  std::uint64_t seq = 0;       // per sender and connection, from 1
  std::uint64_t ack = 0;       // the highest seq handled from the other side
  std::int64_t t_mono_us = 0;  // sender's monotonic clock
};

/// Names one attempt everywhere.
struct AttemptId {
  std::string run;
  std::string step;  // identity: train[model=cnn1]
  std::uint32_t attempt = 0;
  auto operator<=>(const AttemptId&) const = default;
};

/// Bytes that are no text.
struct Bytes {
  std::string data;
};

struct Input {
  std::string name;
  std::string path;  // absolute
  std::string sha256;
  std::uint64_t bytes = 0;
  bool directory = false;
};

inline constexpr std::uint64_t kDefaultLogLimit = 64u << 20;

/// What an attempt needs to know: the same over a socket as in /scanflow/request.json.
struct Request {
  AttemptId id;
  std::string pipeline;
  std::string uses;     // plugin id, or "command"
  std::string library;  // absolute path of the plugin's library; empty for built-in steps
  std::string config;   // JSON object: resolved `with`, without the inputs
  std::vector<Input> inputs;
  std::map<std::string, std::string> env;  // added to the worker's environment
  std::uint32_t threads = 1;               // the CPU request, rounded up
  std::uint64_t memory_limit = 0;          // bytes; 0: none
  std::int64_t grace_us = 5'000'000;       // between SIGTERM (or cancel) and SIGKILL
  std::string cwd;                         // absolute; where the attempt starts
  std::string log_dir;                     // absolute; where the segments of the run's logs lie
  /// Environment variables whose values are seen nowhere: filled in at launch, in memory only, and
  /// replaced by *** in whatever the attempt writes or says. They win over `env`.
  std::map<std::string, std::string> secrets;
  std::uint64_t log_limit = 0;  // bytes of log that are kept; 0: kDefaultLogLimit
  std::string steering =
      "{}";  // JSON object: the step's `sidecar` settings (rules, hooks, signals)
  /// Absolute; what the step puts there is there for its later attempts too. Empty: there is none.
  std::string checkpoints;
  /// JSON object for whoever makes the Pod that it runs in: image, requests, limits, reuse, template.
  std::string pod;
  std::uint32_t replicas = 1;  // more: of a gang, see gang.hpp
  /// What earlier attempts have left in `checkpoints`, where those had a Pod each: by the step (of a gang also
  /// the other ranks) whose it is, the SHA-256 of its manifest (tree.hpp).
  std::map<std::string, std::string> saved;
};

/// Where an attempt's output lies: bytes [offset, offset + length) of a segment in the run's
/// log_dir. Attempts that run one after the other in a slot share a segment.
struct LogRange {
  std::string segment;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

struct ArtifactFile {
  std::string name;
  std::string path;  // absolute; the engine takes it into its store, and acknowledges the result;
                     // whoever holds the result removes it then
  bool directory = false;
  std::string
      sha256;  // of one that came through a sidecar: it is in the store, `path` means nothing
  std::uint64_t bytes = 0;  // of such a one
};

/// The cause in a result of a sidecar that only knows that its Pod's worker is gone: all that the attempt has
/// left is saved.
inline constexpr const char* kWorkerGone = "worker gone";

struct Result {
  AttemptId id;
  std::string status;  // "succeeded", "failed", "cancelled"
  std::string
      cause;  // of a failure: a name of pipeline::Cause ("error", "crash", "exit", "oom", ...)
  std::string message;         // what, where, why and the fix
  std::int32_t exit_code = 0;  // of a program; 0 where a signal ended it
  std::int32_t signal = 0;
  std::string outputs = "{}";  // JSON object
  std::vector<ArtifactFile> artifacts;
  LogRange log;
  std::int64_t started_us = 0;  // wall clock, since 1970 UTC
  std::int64_t ended_us = 0;
  std::int64_t cpu_us = 0;    // user and system
  std::uint64_t max_rss = 0;  // bytes
  std::string post_mortem;    // JSON object of how it ended, where that was no success; or empty
};

// --- bodies ---

/// Of the samples of a sidecar's boot; what is neither dropped nor sent still waits.
struct Account {
  std::uint64_t produced = 0;
  std::uint64_t dropped = 0;  // by the sender, before they were sent
  std::uint64_t sent = 0;
};
/// First message of each side. An unknown major is answered with Reject and the range spoken.
struct Hello {
  std::string role;  // "engine", "supervisor", "host", "sidecar"
  std::int32_t pid = 0;
  std::string version;
  std::vector<std::string> capabilities;
  // Of a supervisor: results that no engine has acknowledged, and attempts that have not ended.
  std::vector<AttemptId> kept;
  std::vector<AttemptId> running;
  // Of a sidecar.
  std::string name;          // what people call its Pod
  std::string last_command;  // the last one in its journal; empty: none
  Account telemetry;
  std::string spool;         // of what it delivers
  std::uint64_t oldest = 1;  // the first of these that no hub has taken
  /// Of a sidecar whose key is its namespace's: by which the cluster vouches for its Pod (a ServiceAccount's,
  /// for the audience scanflow-hub).
  std::string token;
};
struct Reject {
  std::string reason;
  std::uint32_t min_major = kMajor;
  std::uint32_t max_major = kMajor;
};
struct Launch {
  Request request;
};
/// Also said to the sidecar of an attempt, and by it to the hub: it can be observed and acted on there.
struct Started {
  AttemptId id;
  std::int32_t pid = 0;  // the leader of its process group
  std::int64_t started_us = 0;
  LogRange log;
  std::uint64_t memory_limit = 0;  // as in Request, like `steering`
  std::string steering = "{}";
};
struct Cancel {
  AttemptId id;
  std::string reason;  // "cancelled", "timeout"
};
struct Progress {
  AttemptId id;
  double fraction = -1;  // 0 to 1; below 0: unknown
  std::string message;
};
struct Metric {
  AttemptId id;
  std::string name;
  double value = 0;
  std::int64_t step = 0;
  std::int64_t time_us = 0;
  std::map<std::string, std::string> labels;
  bool logged = true;        // false: sampled telemetry, may be dropped
  std::uint64_t number = 0;  // of the attempt's logged ones, from 1: told twice, it is stored once
};
/// A sidecar that is told of a failure answers with the same result and its post-mortem.
struct Ended {
  Result result;
};
/// The engine has stored the result and its artifacts: the supervisor may forget them.
struct Acknowledge {
  AttemptId id;
};
/// A question of a step to the engine (host extensions); answered by HostReply with the same
/// number.
struct HostCall {
  AttemptId id;
  std::uint64_t call = 0;
  std::string method;     // "run.state", "models.register"
  std::string arguments;  // JSON
};
struct HostReply {
  AttemptId id;
  std::uint64_t call = 0;
  bool ok = false;
  std::string value;  // JSON, or the error's text
};
/// Engine to supervisor: end when idle.
struct Shutdown {};
/// Supervisor to a fork of the warm parent that waits for its attempt: run this. Before it comes
/// Hello, with the descriptor beside it that the attempt's output goes to.
struct Spawn {
  Request request;
  std::uint32_t slot = 0;
  std::string directory;  // absolute; the slot's: its `scratch` and `artifacts` are the attempt's
  std::string cgroup;     // a cgroup.procs file to enter; empty: none
};
/// Warm parent to supervisor: the answer to Fork. Beside it travels the other end of the socket
/// that the new process waits at, until it closes.
struct Forked {
  std::int32_t pid = 0;  // below 0: it could not
};
/// Warm parent to supervisor: it has reaped one.
struct Exited {
  std::int32_t pid = 0;
  std::int32_t wait_status = 0;
  std::int64_t cpu_us = 0;
  std::uint64_t max_rss = 0;
};
/// Supervisor to warm parent: fork a process that waits for its attempt.
struct Fork {};

/// Of a step, as soon as it can be told anything: what it lets one do to it while it runs
/// (step.commands/1, or a program at $SCANFLOW_SOCKET).
struct Offers {
  AttemptId id;
  std::string commands = "[]";  // JSON array of {"name", "summary", "schema"}
};
/// To a step that runs: do this; it may take its time. Answered by StepAnswer with the same number.
struct StepCommand {
  AttemptId id;
  std::uint64_t call = 0;
  std::string name;              // "checkpoint", "set_param", ...
  std::string arguments = "{}";  // JSON object
};
struct StepAnswer {
  AttemptId id;
  std::uint64_t call = 0;
  std::string outcome;  // "DONE", "FAILED", "UNSUPPORTED"
  std::string value;    // JSON object of what it did, or why not
};

// --- between sidecar and hub: README.md says how they follow each other ---

/// Hub to sidecar, the answer to Hello: the session has begun, under the header's term.
struct Welcome {
  std::int64_t lease_us = 0;      // without a word of the hub for so long, the session is over
  std::int64_t heartbeat_us = 0;  // how often each side says Heartbeat
  std::int64_t sample_us = 0;     // how often to sample
  std::uint64_t credit = 0;       // as in Credit
  std::uint32_t window = 0;       // deliveries that may wait for Delivered
};
/// Each side lives. Of a sidecar with the account of its telemetry: what it has sent and did not
/// arrive by now never will.
struct Heartbeat {
  Account telemetry;
  std::uint64_t credit = 0;  // of a hub: as in Credit
};
/// Hub to sidecar: Account::sent may be so much.
struct Credit {
  std::uint64_t samples = 0;
};
/// What later samples call by its number; of the sender's boot.
struct Series {
  std::uint32_t number = 0;
  std::string name;
  std::string kind;  // "gauge", "counter"
  std::map<std::string, std::string> labels;
};
/// Sidecar to hub: samples, which may be dropped on the way, and the account of all that there were.
/// They are numbered from 1 in each boot; those of one message follow each other.
struct Telemetry {
  std::uint64_t first = 0;     // the number of the first one
  std::uint64_t produced = 0;  // so far
  std::uint64_t dropped = 0;   // of these by the sender, before they were sent
  std::int64_t time_us = 0;    // wall clock, which `times` are counted from
  std::vector<Series> series;  // that were not named before in this session
  std::vector<std::uint32_t> numbers;
  std::vector<std::int64_t> times;
  std::vector<double> values;
};
/// Sidecar to hub: what must not be lost (results, logged metrics, outcomes), numbered in the
/// sender's spool, which outlives it. Sent again until Delivered.
struct Deliver {
  std::string spool;
  std::uint64_t number = 0;  // from 1
  Bytes message;             // encoded, with a header of its own
};
/// Hub to sidecar: all up to this one is committed.
struct Delivered {
  std::string spool;
  std::uint64_t number = 0;
};
/// Hub to sidecar: do this once, under the header's term. Sent again until Received, or the deadline.
struct Command {
  std::string id;
  std::uint64_t generation = 0;  // of two that exclude each other the higher one holds
  AttemptId target;              // no step: the Pod
  std::string primitive;
  std::string arguments = "{}";  // JSON object
  std::int64_t deadline_us = 0;  // from now on
};
/// Sidecar to hub: it is in the journal.
struct Received {
  std::string id;
};
/// Sidecar to hub, delivered: what became of a command.
struct Outcome {
  std::string id;
  AttemptId target;
  std::string primitive;
  std::string outcome;          // DONE, FAILED, UNSUPPORTED, SUPERSEDED, EXPIRED, INDETERMINATE
  std::string message;          // why not, or what it did
  std::string evidence = "{}";  // JSON object
  std::int64_t started_us = 0;  // wall clock; 0: it was not
  std::int64_t ended_us = 0;
};
/// Sidecar to hub: it ends; what it could not deliver stays in its spool.
struct Goodbye {
  std::string reason;
};

/// Engine to supervisor: have a sidecar that speaks with this hub.
struct Observe {
  std::string hub;  // its endpoint
};

// --- bulk, on a connection of its own: README.md says how they follow each other ---

/// Sidecar to hub: send me this, from there on. Answered by Chunks up to `allowed`.
struct Fetch {
  std::uint64_t transfer = 0;  // the sidecar's number for it, in this boot
  /// "file", "executable", or "tree": the manifest of a directory; "checkpoint": what Request::saved names, and
  /// what is named there.
  std::string object;
  std::string sha256;
  std::uint64_t offset = 0;
  std::uint64_t allowed = 0;  // as in Grant
};
/// Sidecar to hub: I shall send you this. Answered by Resume.
struct Store {
  std::uint64_t transfer = 0;
  AttemptId id;  // whose it is
  /// As in Fetch; or "checkpoints": the manifest that replaces the attempt's last one; or "log": it is not known
  /// yet how long it gets.
  std::string object;
  std::string name;  // of the attempt's things, to go on with what has come of it
  std::uint64_t bytes = 0;
  std::string sha256;  // where it is known already
};
/// Hub to sidecar: send it from there on.
struct Resume {
  std::uint64_t transfer = 0;
  std::uint64_t offset = 0;
  std::uint64_t allowed = 0;  // as in Grant
};
/// From whoever receives: all before `taken` has arrived; up to `allowed`, not more, may be sent.
struct Grant {
  std::uint64_t transfer = 0;
  std::uint64_t taken = 0;
  std::uint64_t allowed = 0;
};
struct Chunk {
  std::uint64_t transfer = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;  // the whole file; of a log: 0
  Bytes data;
};
/// Sidecar to hub: that was all of what it stores. A log has no digest.
struct Sealed {
  std::uint64_t transfer = 0;
  std::uint64_t bytes = 0;
  std::string sha256;
};
/// Hub to sidecar: it is in the store, by this name. Also the answer to a Store of what is there already.
struct Stored {
  std::uint64_t transfer = 0;
  std::string sha256;
};
/// Hub to sidecar: the transfer is over.
struct Refused {
  std::uint64_t transfer = 0;
  std::string reason;
  bool again = false;  // the hub does not know it (any more): it may begin anew
};

using Body = std::variant<Hello, Reject, Launch, Started, Cancel, Progress, Metric, Ended,
                          Acknowledge, HostCall, HostReply, Shutdown, Spawn, Forked, Exited, Fork,
                          Offers, StepCommand, StepAnswer, Welcome, Heartbeat, Credit, Telemetry,
                          Deliver, Delivered, Command, Received, Outcome, Goodbye, Observe, Fetch,
                          Store, Resume, Grant, Chunk, Sealed, Stored, Refused>;

struct Message {
  Header header;
  Body body;
};

}  // namespace scanflow::protocol
