// Experiments, and what is tracked of their runs: parameters, metrics, tags, datasets. Spoken as MLflow's REST API
// (https://mlflow.org/docs/latest/rest-api.html), in its documents; HTTP is for others to do.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/store/artifacts.hpp"
#include "engine/store/store.hpp"
#include "engine/track/answer.hpp"

namespace scanflow::track {

using nlohmann::json;
struct Call;
struct Session;

/// A file that clients may have: it lies somewhere, or is this text.
struct ServedFile {
  std::filesystem::path path;  // empty: the text
  std::string text;
  std::string sha256;
};

class Tracker {
 public:
  struct Means {
    std::function<std::int64_t()> now_ms;   // Unix time
    std::function<std::string()> new_id;    // 32 hexadecimal digits, never the same
    store::Artifacts* artifacts = nullptr;  // what clients upload; outlives it
  };
  /// The store outlives it.
  Tracker(store::Store& store, Means means) : store_(store), means_(std::move(means)) {}

  /// One call of the API, in a transaction of its own: all of it is done, or nothing. The answer is the text of a JSON
  /// document: one of a long history is never whole in memory as anything else. Blocks. [any-thread]
  Answer<std::string> run(const Call& call, const json& request) const;

  // Files of runs and models (files.cpp). Paths are as check_artifact_path() wants them. These block. [any-thread]

  /// Takes `source` into the store of artifacts; it stays, for its owner to remove. What was at `path` before is
  /// replaced.
  Answer<void> put_file(const std::string& path, const std::filesystem::path& source,
                        const std::string& sha256) const;
  Answer<ServedFile> file(const std::string& path) const;
  /// {"files": [{"path", "is_dir", "file_size"}]}, with names relative to `folder` ("": all).
  Answer<std::string> list_files(const std::string& folder) const;
  /// A file, or a folder with all that is in it. How many files that were.
  Answer<std::int64_t> remove_files(const std::string& path) const;

 private:
  /// One transaction; whatever `work` throws is a problem, and then nothing is done.
  Answer<void> transact(bool writes, const std::function<void(const Session&)>& work) const;

  store::Store& store_;
  const Means means_;
};

struct Endpoint {
  const char* method;  // of HTTP
  const char* path;  // below /api/2.0/mlflow/; "{name}" is any segment, and a field of the request
  const Call* call;
};
const std::vector<Endpoint>& endpoints();
/// Null: there is none.
const Endpoint* find_endpoint(std::string_view method, std::string_view path);
/// Is it there, for this method or another one?
bool has_endpoint(std::string_view path);
/// The request, with the fields that are in its path.
json request_of(const Endpoint& endpoint, std::string_view path, json request);

}  // namespace scanflow::track
