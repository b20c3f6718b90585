// Runs as documents, for whoever prints or serves them: over the store of this machine (here), or
// over HTTP (client.hpp). All calls block. [any-thread]
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/runtime/state_directory.hpp"
#include "engine/store/store.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::api {

using nlohmann::json;

/// Why something asked for is not there.
struct Failure {
  int status = 500;  // of HTTP
  int exit = 3;      // of the command line
  std::string message;
};
template <class T>
using Answer = tl::expected<T, Failure>;
inline tl::unexpected<Failure> wrong(std::string message) {
  return tl::unexpected<Failure>({400, 2, std::move(message)});
}
inline tl::unexpected<Failure> missing(std::string message) {
  return tl::unexpected<Failure>({404, 2, std::move(message)});
}
inline tl::unexpected<Failure> broken(std::string message) {
  return tl::unexpected<Failure>({503, 3, std::move(message)});
}

/// A page may be so long.
constexpr std::size_t kPageBytes = 8u << 20;

/// As people write it; empty: all.
struct RunQuery {
  std::string name_space, pipeline, labels;
  std::string since;  // a duration: begun within it
  /// As documents say them: "interrupted" is one that is not over, and that nobody goes on with.
  std::vector<std::string> statuses;
  std::size_t limit = 20;
  std::string cursor;  // `next` of the page before
};

/// Which primitives of a cluster's objects; empty: any.
struct ActionQuery {
  std::string kind, name_space, name;
  std::size_t limit = 20;
  std::string cursor;  // `next` of the page before
};
constexpr std::size_t kMostActions = 1000;  // of a page

/// The logs of a run, in pieces; "==> STEP attempt N <==" before each where there are several.
class LogReader {
 public:
  virtual ~LogReader() = default;
  /// Empty: that was all.
  virtual Answer<std::string> next() = 0;
};

class Runs {
 public:
  virtual ~Runs() = default;
  /// {"runs": [{"run", "pipeline", "status", ...}], "next": a cursor, or null}
  virtual Answer<json> list(const RunQuery& query) = 0;
  /// The one run whose id starts with `prefix`, or the newest ("last").
  virtual Answer<std::string> find(const std::string& prefix) = 0;
  /// The result document, with created_us, ended_us, trigger, and `primitives`: as below. `run`: a whole id, here and below.
  virtual Answer<json> show(const std::string& run) = 0;
  /// {"events": [...], "next": ...}: those after number `after`, each as recorded, and "seq"; at
  /// most `limit`, and hardly more than kPageBytes of them, but one. next: the number of the last
  /// one where there may be more, or null.
  virtual Answer<json> events(const std::string& run, std::int64_t after, std::size_t limit) = 0;
  /// What was asked of its steps while they ran, and of those of runs that it called ("call/train"), in
  /// order: [runtime::command_document].
  virtual Answer<json> primitives(const std::string& run) = 0;
  /// The one that was asked for with this id, of whichever run.
  virtual Answer<json> primitive(const std::string& id) = 0;
  /// {"actions": [runtime::action_document], "next": a cursor, or null}: the newest first.
  virtual Answer<json> actions(const ActionQuery& query) = 0;
  /// The one that was asked for with this id.
  virtual Answer<json> action(const std::string& id) = 0;
  /// Of all steps, or of `step` and its instances.
  virtual Answer<std::unique_ptr<LogReader>> logs(const std::string& run,
                                                  const std::string& step) = 0;
  /// [{"step", "attempt", "log"}]; refused where they are longer than `most` bytes.
  virtual Answer<json> log_documents(const std::string& run, const std::string& step,
                                     std::size_t most) = 0;
};

/// Where there is no database yet, there are no runs.
Answer<std::unique_ptr<Runs>> open_runs(const runtime::StateDirectory& state);

}  // namespace scanflow::api
