// What the tables hold, as plain data, and what is asked of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/label_selector.hpp"

namespace scanflow::store {

/// An event as it was recorded.
struct EventRow {
  std::int64_t seq = 0;  // from 1, without gaps, per run
  std::string body;      // one line of JSON: run::append_text
};

/// Events of a run that follow each other, stored as one row: a row for each would cost more than
/// all else that is written for it.
struct EventBlock {
  std::string run;
  std::int64_t first = 0;   // seq
  std::uint32_t count = 0;  // lines of
  std::string body;
};

struct RunRow {
  std::string id, pipeline, name_space, status, file, backend, summary;
  std::int64_t created_us = 0;
  std::int64_t ended_us = 0;  // 0: unfinished, whatever its status says
  std::uint32_t steps = 0, done = 0, failed = 0;
  std::string labels;               // JSON object of texts, or empty
  std::string parent, parent_step;  // the run and step that called this one, or empty
  std::string retry_of;             // the run whose work it repeats, or empty
  std::string trigger;              // what started it: cli, schedule, api, pipeline
  std::string group;                // of concurrency, or empty
  std::string digest;               // SHA-256 of its source
  std::uint32_t version = 0;        // of the registered pipeline; 0: it came from a file
  std::int32_t priority = 0;
  std::int64_t events = 0;  // there are at least so many
  std::string
      outputs;  // of its pipeline, once it has ended: JSON object, or empty; told, not stored
};

struct StepRow {
  std::string run, id, status, uses, cause, message;
  std::uint32_t position = 0, attempts = 0;
  std::uint32_t attempt = 0;  // the current one, or whose end is the step's; told, not stored
  std::int64_t started_us = 0, ended_us = 0;
  std::string outputs;    // JSON object, or empty
  std::string artifacts;  // JSON object: name -> {path, sha256, bytes, directory}, or empty
  /// JSON array of {attempt, segment, offset, length}, or empty; `open`: it is written, as that of the last is.
  std::string log;
};

/// Stored once per (run, step, attempt, number), however often it comes.
struct MetricRow {
  std::string run, step, name;
  std::uint32_t attempt = 0;
  std::uint64_t number = 0;  // of the attempt's metrics
  std::int64_t at_step = 0, time_us = 0;
  double value = 0;
  std::string labels;  // JSON object, or empty
};

/// An attempt that is about to log, and what it was started with.
struct TrackedRow {
  std::string run, step;
  std::uint32_t attempt = 0;
  std::int64_t started_us = 0;
  std::string parameters, run_parameters;  // JSON objects
};

struct CacheRow {
  std::string key;  // SHA-256 of what the step's result depends on
  std::string run, step;
  std::int64_t time_us = 0;
  std::string outputs, artifacts;  // JSON, as in StepRow
};

struct ModelVersion {
  std::string name;
  std::uint32_t version = 0;
  std::string sha256, run, step;
  std::uint32_t attempt = 0;
  std::int64_t time_us = 0;
  std::string metrics, tags, lineage;  // JSON objects
};

/// A schedule has fired.
struct Firing {
  std::int64_t time_us = 0;  // that it was due
  std::string problem;       // why nothing was run; empty: a run was begun
};

/// The same of a registered pipeline; of several the latest holds.
struct FiringRow {
  std::string name_space, pipeline;
  Firing firing;
};

/// A primitive that was asked of a running step, and what became of it.
struct CommandRow {
  std::string id, run, step;
  std::uint32_t attempt = 0;
  std::string primitive, arguments;  // JSON object
  std::uint64_t generation = 0;      // of two that exclude each other the higher one holds
  std::string by;                    // who asked for it
  std::int64_t issued_us = 0;
  std::int64_t deadline_us = 0;   // wall clock
  std::string user, pod_uid;      // of the sidecar that it is for
  std::string outcome;            // DONE, FAILED, ...; empty: it has none yet
  std::string message, evidence;  // JSON object, or empty
  std::int64_t started_us = 0;    // 0: it was not
  std::int64_t ended_us = 0;
};

/// A primitive that was asked of an object of a cluster, and what became of it.
struct ActionRow {
  std::string id;
  std::string api_version, kind, name_space,
      name;                          // of the object; a namespace where its kind has one
  std::string primitive, arguments;  // JSON object
  std::string digest;  // SHA-256 of all that was asked: the same id again must have the same
  bool dry_run = false;
  std::string by;  // who asked for it
  std::int64_t issued_us = 0;
  std::int64_t deadline_us = 0;   // from its begin; 0: the primitive's own
  std::string outcome;            // DONE, REFUSED, ...; empty: it has none yet
  std::string message, evidence;  // JSON object, or empty
  std::int64_t started_us = 0;    // 0: it was not
  std::int64_t ended_us = 0;
  std::int64_t number = 0;  // the store's: later ones have higher ones
};

/// Which actions; all that is said must hold.
struct ActionFilter {
  std::string kind, name_space, name;  // empty: any
  std::int64_t before = 0;             // their numbers are below; 0: whichever
  std::size_t limit = 100;
};

/// All of it is committed, or nothing. Steps, metrics and commands of a run that is not there (it was deleted
/// a moment ago) are dropped; runs and events make it.
struct Batch {
  /// Counts one more event of the run; its line is to be appended to what this gives, at once.
  std::string& add_event(const std::string& run, std::int64_t seq) {
    constexpr std::size_t kMostBytes = 64 << 10;  // so that a page of events reads little else
    if (events.empty() || events.back().run != run ||
        events.back().first + events.back().count != seq ||
        events.back().body.size() >= kMostBytes) {
      events.push_back({run, seq, 0, {}});
    }
    EventBlock& block = events.back();
    if (block.count++ > 0) block.body += '\n';
    return block.body;
  }

  std::vector<EventBlock> events;
  std::vector<RunRow> runs;         // upserts
  std::vector<StepRow> steps;       // upserts
  std::vector<TrackedRow> tracked;  // before the metrics of these attempts
  std::vector<MetricRow> metrics;
  std::vector<CacheRow> cache;
  std::vector<FiringRow> firings;
  std::vector<CommandRow> commands;  // new ones, or their outcomes: the first one stays
};

/// A place in the list of runs.
struct RunCursor {
  std::int64_t created_us = 0;
  std::string id;
};

/// Which runs; all that is said must hold.
struct RunFilter {
  std::optional<std::string> name_space, pipeline;
  std::vector<std::string> statuses;  // one of them; empty: any
  std::int64_t since_us = 0;          // created then or later
  std::int64_t before_us = 0;         // created earlier; 0: whenever
  LabelSelector labels;
  /// The run that called them; empty: those that no run called; nothing: all.
  std::optional<std::string> children_of = "";
  std::optional<RunCursor> after;  // goes on after the last one of the page before
  std::size_t limit = 100;
};

/// A text that was registered: a pipeline, service, agent, application.
struct Document {
  std::string kind, name_space, name;
  std::uint32_t version = 0;  // from 1 per (kind, namespace, name)
  std::string digest;         // SHA-256 of the source
  std::string source;
  std::string file;    // as the user named it
  std::string labels;  // JSON object of texts, or empty
  std::int64_t created_us = 0;
};

/// A document, or one version of it.
struct DocumentName {
  std::string kind, name_space, name;
  std::optional<std::uint32_t> version;  // nothing: the newest, or all
};

/// One of a list: its newest version, without the source.
struct DocumentEntry {
  Document newest;
  std::uint32_t versions = 0;   // that are there
  std::int64_t created_us = 0;  // of the oldest of them
};

struct Applied {
  enum class Outcome { created, updated, unchanged };
  std::uint32_t version = 0;
  Outcome outcome = Outcome::created;
};

}  // namespace scanflow::store
