// What a run is started with.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/pipeline/plan.hpp"
#include "engine/pipeline/reader.hpp"
#include "engine/store/store.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::runtime {

using nlohmann::json;

/// Recorded with the run, so that it goes on the same after a restart.
struct RunOptions {
  std::string backend = "local";
  std::uint32_t jobs = 1;  // attempts of this run at once
  bool use_cache = true;
  std::string directory;  // absolute; where steps start: that of whoever submitted it
  std::vector<std::string> plugin_dirs;
  // The variables that its expressions read, as the submitter has them.
  std::map<std::string, std::string> env;
};
json to_json(const RunOptions& options);
RunOptions run_options_from_json(const json& document);

/// The step whose attempt a run is.
struct Caller {
  std::string run, step;
  std::uint32_t attempt = 0;
};

struct Submission {
  std::string run;  // its id, chosen by the submitter, so that submitting again makes no second run
  std::string file;  // as the user named it; of a registered pipeline its NAMESPACE/NAME@VERSION
  std::uint32_t version = 0;                   // of a registered pipeline; 0: it is a file
  std::string name_space;                      // where the text says none; empty: "default"
  std::string source;                          // the YAML text
  std::map<std::string, std::string> sources;  // of the pipelines that it calls, by their `file`
  std::optional<Caller> caller;                // null: a person, or a schedule
  /// Of whoever asks, for the rights of applications: a person's (-n), an agent's, that of the
  /// pipeline that calls; empty: nobody's, and no rights hold.
  std::string caller_namespace;
  json params = json::object();
  RunOptions options;
  std::string trigger = "cli";    // what started it, as RunRow::trigger
  std::int64_t scheduled_us = 0;  // the time of the firing that it belongs to; 0: none
  std::string retry_of;           // the run whose results are used again, or empty
  std::string retry_from;         // the step that begins again, be it in a called pipeline
                                  // (call/step); empty: what failed
  json reuse = json::object();    // of it: step -> {"outputs", "artifacts", "from"}
};
json to_json(const Submission& submission);
Submission submission_from_json(const json& document);

/// A pipeline that is ready to run: checked, bound, with the plugins it was checked against.
struct Prepared {
  std::shared_ptr<const pipeline::Plan> plan;
  std::shared_ptr<const loader::Catalog> catalog;
};

/// Reads, checks and plans. The error is what the user should see, all problems in one text. Called
/// pipelines are taken from the submission's sources.
/// `recorded`: the data of run_created of an earlier start of the run, or null.
Result<Prepared> prepare(const Submission& submission,
                         std::shared_ptr<const loader::Catalog> catalog,
                         const json* recorded = nullptr);

/// What a submission of a registered pipeline takes from it.
void take_registered(Submission& submission, const store::Document& document);

/// Its two halves, for many runs of one text. The error of the first is the same for all of them.
Result<std::shared_ptr<const pipeline::Pipeline>> read(const Submission& submission,
                                                       const loader::Catalog& catalog);
Result<Prepared> prepare(const Submission& submission,
                         std::shared_ptr<const pipeline::Pipeline> pipeline,
                         std::shared_ptr<const loader::Catalog> catalog, const json* recorded);

/// Looks a registered document up: that version, or the newest. An error says that it is not there,
/// and what else there is.
using FindDocument = std::function<Result<store::Document>(const store::DocumentName& name)>;

/// Called pipelines: files as they are on disk now, registered ones as `registry` finds them now (the
/// newest version, unless one is named).
pipeline::FindPipeline find_pipelines(FindDocument registry);

/// Adds the text of each pipeline that is called, directly or not: from then on they do not change.
/// Registered ones that did not come with the submission are looked up; files are read from disk, or
/// must have come. The error is what the user should see, as of `prepare`, which would find fewer
/// reasons.
enum class Files { on_disk, that_came };
Result<void> collect_sources(Submission& submission, const loader::Catalog& catalog,
                             const FindDocument& registry, Files files = Files::on_disk);

/// Adds only the texts of files: what they call by name, and what is wrong with them, is found where
/// they are sent.
void collect_files(Submission& submission);

/// The environment variables named `env.NAME` in the source, as this process has them.
std::map<std::string, std::string> referenced_environment(const std::string& source);
/// The same of all that the submission holds.
std::map<std::string, std::string> referenced_environment(const Submission& submission);

/// Shared by all who are told, and by the queues on their way.
using Update = std::shared_ptr<const json>;

/// Told of everything that happens to a run, as JSON objects with a "type":
///   accepted   run, pipeline, namespace, version, backend, jobs, created_us, recorded, seq, steps,
///              name_columns (of the longest name, also within called pipelines): it begins (the
///              first event says that this is recorded), or is followed from here, which is after
///              the event number seq
///   event      event: one that was recorded (run::to_json); seq: its number, where runs are stored
///   waits      message: for what of its namespace's quota it waits; "": for nothing any more
///   progress   step, attempt, fraction, message
///   metric     step, attempt, name, value, at_step, labels
///   primitive  what was asked of a running step, and again with what became of it: command_document
///   finished   result: result_document
///   rejected   exit, message: there is or will be no run; or what was asked is not done. reason:
///              "not_found" or "conflict", where it is one of these
///   closing    the engine ends first: ask the next one
/// Called on the engine's strand: must not block. False: no more.
using Listener = std::function<bool(const Update& update)>;

using Environment = std::map<std::string, std::string>;
/// This process's own.
Environment own_environment();

/// Who asks: what the engine tells it, and the environment that its steps start with. The
/// environment is never stored (it may hold secrets): a run that goes on after a restart has that
/// of whoever resumed it.
struct Client {
  Listener listener;
  bool every_event = true;  // false: only how it begins and ends
  Environment environment;
  bool watches = false;  // a run that nobody goes on with is left alone
};

}  // namespace scanflow::runtime
