// Files of runs and models: those that clients have uploaded, as rows, and those of registered models of pipelines, which
// lie in the store of artifacts. Private to engine/track.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/track/model_rows.hpp"
#include "engine/track/tracker.hpp"

namespace scanflow::track {

/// What URIs of this server's artifacts begin with.
constexpr std::string_view kArtifactScheme = "mlflow-artifacts:/";
/// Below it: MODEL/VERSION of those that pipelines have registered. Read-only.
constexpr std::string_view kModelsFolder = "models";

/// The path that the URI means; refused where others keep what lies there.
std::string path_of_uri(const std::string& uri);
/// [{"path", "is_dir", "file_size"}] of a folder, with `prefix` before each name.
json list_folder(const Session& session, const std::string& folder, const std::string& prefix = {});
/// The same below a URI, as calls of MLflow's answer it: {"root_uri", "files"}.
json list_below(const Session& session, const std::string& root_uri, const std::string& folder);

ServedFile find_file(const Session& session, const std::string& path);
void put_row(const Session& session, const std::string& path, const std::string& sha256,
             std::uint64_t bytes);
std::int64_t remove_rows(const Session& session, const std::string& path);

// model_files.cpp

/// A file of a registered model: an object of the store, or a text.
struct ModelFile {
  std::string path;  // relative to the model
  std::uint64_t bytes = 0;
  ServedFile file;
};
/// Of models/NAME/VERSION/...: the model's, and what of the path is below it.
struct ModelFiles {
  std::vector<ModelFile> files;  // by path
  std::string below;
};
ModelFiles model_files(const Session& session, const std::string& path);
/// Where clients find what a version is.
std::string source_of(const VersionRow& version);

}  // namespace scanflow::track
