// A checked pipeline, as plain data. Produced by reader.hpp; consumed by plan.hpp, run/ and the
// runtime.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scanflow::pipeline {

using nlohmann::json;

/// Where something stands in a source file; lines and columns from 1, 0 where unknown.
struct Location {
  int line = 0;
  int column = 0;
};

/// Why an attempt failed.
enum class Cause : std::uint8_t {
  none,
  error,      // the step says so: it will fail again
  retryable,  // the step says so: it may pass
  exit,       // a program ended with a status other than 0
  crash,      // a signal ended it (SIGSEGV, abort, kill -9 by someone else)
  oom,        // out of memory
  timeout,
  lost,  // nobody knows what became of it (supervisor or node lost)
  evicted,
  config,  // its configuration or inputs are wrong: never retried
  cancelled,
  upstream,    // never started, or stopped: something else failed
  rejected,    // a person (or the default after the timeout) said no
  superseded,  // stopped: another attempt of the step was first
};
std::string_view name(Cause cause);
std::optional<Cause> parse_cause(std::string_view name);

struct Param {
  std::string name;
  std::string type;  // string, int, float, bool, list, object, artifact
  std::optional<json> default_value;
  std::optional<double> min, max;
  std::vector<json> one_of;  // `enum`
  std::string description;
  Location at;
};

struct Backoff {
  std::int64_t initial_us = 1'000'000;
  double factor = 2;
  std::int64_t max_us = 60'000'000;
  double jitter = 0.2;  // the wait is drawn from [1 - jitter, 1 + jitter] times the computed one
};
struct Retry {
  std::uint32_t limit = 0;  // attempts beyond the first
  Backoff backoff;
  std::vector<Cause> on = {Cause::crash,   Cause::exit,    Cause::oom,      Cause::lost,
                           Cause::timeout, Cause::evicted, Cause::retryable};
};

/// What is set aside for an attempt on this machine, and what it may not exceed; 0: not said. As in
/// Kubernetes a request that is not said is the limit.
struct Resources {
  double cpu_request = 0;
  std::uint64_t memory_request = 0;  // bytes
  double cpu_limit = 0;
  std::uint64_t memory_limit = 0;
  std::map<std::string, std::uint32_t> devices;  // "nvidia.com/gpu": how many, of its Pod's node
  /// That an attempt is told to use.
  std::uint32_t threads() const {
    return cpu_request > 1 ? static_cast<std::uint32_t>(std::ceil(cpu_request)) : 1;
  }
};

/// Where a secret's value comes from. What is kept of it is this, never the value.
struct Secret {
  std::string env;        // a variable of whoever started the run, or goes on with it; or else
  std::string file;       // a path; a relative one from where the steps start; or else
  std::string name, key;  // of a Secret in the namespace of its Pod: nobody reads it but that
};

/// A named limit that runs share: an attempt starts while fewer than `limit` of the pool run.
struct Pool {
  std::string name;  // empty: none
  std::uint32_t limit = 1;
};

/// A person is asked before the step goes on.
struct Approval {
  bool wanted = false;
  std::string message;          // may hold ${{ }}
  std::int64_t timeout_us = 0;  // 0: waits for ever
  bool approve_after = false;   // what the timeout means
};

struct Cache {
  bool enabled = false;
  std::int64_t max_age_us = 0;  // 0: for ever
};

/// Is its Pod kept for the next step that can run in it?
struct Reuse {
  bool enabled = false;
  std::int64_t idle_us = 30'000'000;  // it waits so long for one
  std::uint32_t uses = 100;           // steps in it, at most
  std::int64_t age_us = 3'600'000'000;
};

/// One axis of a matrix; the values are literals, or one expression over params that gives a list.
struct Axis {
  std::string name;
  json values;  // array; or a string with the expression
  Location at;
};

enum class Phase : std::uint8_t { main, on_success, on_failure, on_exit };
std::string_view name(Phase phase);

/// A step as written (before the matrix is expanded), with the pipeline's defaults merged in.
struct Step {
  std::string name;
  std::string uses;  // plugin id, "command", "noop" or "pipeline"; empty: an approval and no more
  std::string call;  // of "pipeline": a file, or the name of a registered one
  Phase phase = Phase::main;
  std::vector<std::string> needs;
  json with = json::object();    // strings may hold ${{ }}
  bool with_is_dynamic = false;  // ... some do
  std::string when;              // "${{ ... }}", or empty
  std::vector<Axis> matrix;
  std::vector<json> include, exclude;      // of combinations of the matrix: objects
  json for_each = nullptr;                 // "${{ ... }}" or a list: one instance for each item
  std::map<std::string, std::string> env;  // values may hold ${{ }}
  std::map<std::string, Secret> secrets;   // by the variable that the step finds it in
  /// How it is watched and acted on: rules, hooks, checkpoint {signal, program, file}; null: not at all.
  json sidecar = json::object();
  Retry retry;
  std::int64_t timeout_us = 0;  // 0: none
  Cache cache;
  Resources resources;
  std::string image;             // of its Pod; empty: the backend's own
  json pod = json::object();     // of its Pod's spec, over what is made up for it (RFC 7386)
  json volumes = json::array();  // of its Pod: {path, read_only, host_path | claim | bytes}
  Reuse reuse;
  Pool pool;
  Approval approve;
  std::int32_t priority = 0;       // -100 to 100; higher ones start first
  std::uint32_t max_parallel = 0;  // of its instances at once; 0: no limit of its own
  std::uint32_t replicas = 1;      // more: a gang, whose ranks start together and end as one
  bool allow_failure = false;      // the run goes on, and does not fail because of it
  Location at;
  std::map<std::string, Location> field_at;  // "/with/epochs" (JSON pointer in the step) -> where
};

/// Runs of a group, of one pipeline or of several, at once.
struct Concurrency {
  enum class Policy : std::uint8_t {
    queue,           // a run beyond `max` waits for its turn
    cancel_running,  // it waits while those that run are cancelled
    reject,
  };
  std::string group;  // may hold ${{ params... }}; empty: no group
  std::uint32_t max = 1;
  Policy policy = Policy::queue;
};

/// Which runs of a pipeline are kept when one of them has ended. 0: no such limit.
struct Retain {
  std::uint32_t runs = 0;   // the newest
  std::int64_t age_us = 0;  // since they ended
};

/// When a registered pipeline runs by itself.
struct Schedule {
  enum class CatchUp : std::uint8_t { none, last, all };
  std::string cron;              // empty: never
  std::string zone = "UTC";      // IANA
  std::int64_t deadline_us = 0;  // how late a run may start; 0: however late
  CatchUp catch_up = CatchUp::last;
  bool suspend = false;
  json params = json::object();  // given to each run
};

struct Pipeline {
  std::string file;    // as the user named it
  std::string source;  // the text
  std::string name;
  std::string name_space = "default";
  std::map<std::string, std::string> labels;
  std::vector<Param> params;
  std::vector<Step> steps;         // main ones first, then handlers, each in the order written
  std::uint32_t max_parallel = 0;  // 0: no limit of its own
  std::int64_t timeout_us = 0;     // of the main steps together; 0: none
  std::int32_t priority = 0;       // added to that of each step, against those of other runs
  bool fail_fast = false;          // the first failure stops what runs
  Concurrency concurrency;
  Retain retain;
  Schedule schedule;
  json outputs = json::object();  // values may hold ${{ }}, over all steps
  std::map<std::string, std::shared_ptr<const Pipeline>> calls;  // Step::call -> what it means
  std::size_t call_depth = 0;  // how deep they nest: 1 where those that are called call none
};

}  // namespace scanflow::pipeline
