// What clients have uploaded, and see of it.
#include <fmt/format.h>

#include <map>
#include <optional>

#include "engine/track/artifact_files.hpp"
#include "engine/track/artifact_path.hpp"
#include "engine/track/run_rows.hpp"

namespace scanflow::track {
namespace {

constexpr std::size_t kMostListed = 100'000;  // a folder with more is no folder that anybody reads

bool is_of_model(std::string_view path) {
  return path == kModelsFolder ||
         (path.starts_with(kModelsFolder) && path[kModelsFolder.size()] == '/');
}

json entry_of(const std::string& name, std::optional<std::uint64_t> bytes) {
  json entry = {{"path", name}, {"is_dir", !bytes}};
  if (bytes) entry["file_size"] = *bytes;
  return entry;
}

/// From one name to the next one: what lies deeper is passed over, however much it is.
json list_rows(const Session& session, const std::string& folder, const std::string& prefix) {
  const std::string base = folder.empty() ? "" : folder + "/";
  const std::string end = folder.empty() ? "\xff" : folder + "0";  // what follows '/'
  store::Statement next = session.db.prepare(
      "SELECT path, bytes FROM tracked_artifacts WHERE path >= ? AND path < ? ORDER BY path LIMIT "
      "1");
  json files = json::array();
  for (std::string from = base; files.size() < kMostListed;) {
    next.bind(from, end);
    if (!session.db.next(next)) break;
    const auto path = next.column<std::string>(0);
    const std::size_t slash = path.find('/', base.size());
    if (slash == std::string::npos) {
      files.push_back(entry_of(prefix + path.substr(base.size()),
                               static_cast<std::uint64_t>(next.column<std::int64_t>(1))));
      from = path + '\x01';  // no name has that
    } else {
      files.push_back(entry_of(prefix + path.substr(base.size(), slash - base.size()), {}));
      from = path.substr(0, slash) + "0";
    }
  }
  return files;
}

json list_model(const Session& session, const std::string& folder, const std::string& prefix) {
  const ModelFiles model = model_files(session, folder);
  const std::string base = model.below.empty() ? "" : model.below + "/";
  std::map<std::string, std::optional<std::uint64_t>> names;
  for (const ModelFile& file : model.files) {
    if (!file.path.starts_with(base)) continue;
    const std::string rest = file.path.substr(base.size());
    const std::size_t slash = rest.find('/');
    names[rest.substr(0, slash)] =
        slash == std::string::npos ? std::optional(file.bytes) : std::nullopt;
  }
  json files = json::array();
  for (const auto& [name, bytes] : names) files.push_back(entry_of(prefix + name, bytes));
  return files;
}

}  // namespace

std::string path_of_uri(const std::string& uri) {
  if (!uri.starts_with(kArtifactScheme) || uri.starts_with("mlflow-artifacts://")) {
    refuse(Code::invalid,
           fmt::format("what lies at {} is not kept by this server: ask where it is kept", uri));
  }
  std::string path = uri.substr(kArtifactScheme.size());
  while (path.ends_with('/')) path.pop_back();
  return path;
}

json list_folder(const Session& session, const std::string& folder, const std::string& prefix) {
  return is_of_model(folder) ? list_model(session, folder, prefix)
                             : list_rows(session, folder, prefix);
}

json list_below(const Session& session, const std::string& root_uri, const std::string& folder) {
  if (!folder.empty()) {
    if (auto checked = check_artifact_path(folder); !checked)
      throw Refused{std::move(checked.error())};
  }
  const std::string root = path_of_uri(root_uri);
  json files = folder.empty() ? list_folder(session, root)
                              : list_folder(session, root + "/" + folder, folder + "/");
  return {{"root_uri", root_uri}, {"files", std::move(files)}};
}

ServedFile find_file(const Session& session, const std::string& path) {
  if (is_of_model(path)) {
    const ModelFiles model = model_files(session, path);
    for (const ModelFile& each : model.files) {
      if (each.path == model.below) return each.file;
    }
  } else if (const auto sha256 = session.db.one<std::string>(
                 "SELECT sha256 FROM tracked_artifacts WHERE path = ?", path)) {
    return {Db::whole(session.artifacts->file_of(*sha256, false)), {}, *sha256};
  }
  refuse(Code::does_not_exist, fmt::format("there is no artifact '{}'", path));
}

void put_row(const Session& session, const std::string& path, const std::string& sha256,
             std::uint64_t bytes) {
  if (is_of_model(path)) {
    refuse(
        Code::invalid,
        fmt::format("'{}' is of a model that a pipeline has registered, which never changes: put "
                    "it elsewhere",
                    path));
  }
  const auto& db = session.db;
  for (std::size_t slash = path.find('/'); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string above = path.substr(0, slash);
    if (db.one<std::int64_t>("SELECT 1 FROM tracked_artifacts WHERE path = ?", above))
      refuse(Code::invalid, fmt::format("'{}' is a file, so that '{}' cannot be", above, path));
  }
  if (db.one<std::int64_t>(
          "SELECT 1 FROM tracked_artifacts WHERE path >= ? || '/' AND path < ? || '0' LIMIT 1",
          path, path))
    refuse(Code::invalid, fmt::format("'{}' is a folder, and cannot be a file", path));
  db.change("INSERT OR REPLACE INTO tracked_artifacts VALUES (?, ?, ?, ?)", path, sha256,
            static_cast<std::int64_t>(bytes), session.now_ms);
}

std::int64_t remove_rows(const Session& session, const std::string& path) {
  if (is_of_model(path)) {
    refuse(Code::invalid, fmt::format("'{}' is of a registered model: delete that version", path));
  }
  return session.db.change(
      "DELETE FROM tracked_artifacts WHERE path = ? OR (path >= ? || '/' AND path < ? || '0')",
      path, path, path);
}

json list_artifacts(const Session& session, const Fields& request) {
  return list_below(session, run_of(session, request).artifact_uri, request.text("path"));
}

}  // namespace scanflow::track
