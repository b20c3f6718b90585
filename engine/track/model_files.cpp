// Registered models of pipelines, as folders of files that MLflow's clients can read.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <fstream>

#include "engine/track/artifact_files.hpp"
#include "sdk/base/digest.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/tree.hpp"

namespace scanflow::track {
namespace {

constexpr std::string_view kDescription = "MLmodel";

/// Names that mean the same in a URI, decoded or not.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.size() <= kMostKey &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
         });
}

/// torch.save() and TorchScript write archives of zip.
bool is_zip(const std::filesystem::path& file) {
  std::array<char, 4> begin{};
  std::ifstream(file, std::ios::binary).read(begin.data(), begin.size());
  return std::string_view(begin.data(), begin.size()) == "PK\x03\x04";
}

/// As YAML; only what is known, and true of any such model: no flavor of MLflow's own loads it by itself.
std::string description_of(const VersionRow& version, const std::string& data) {
  return fmt::format(
      "flavors:\n"
      "  scanflow:\n"
      "    data: {}\n"
      "    sha256: {}\n"
      "model_uuid: {}\n"
      "{}"
      "utc_time_created: '{:%Y-%m-%d %H:%M:%S}.{:03}'\n",
      data, version.sha256, version.sha256.substr(0, 32),
      version.run_id.empty() ? "" : fmt::format("run_id: {}\n", version.run_id),
      fmt::gmtime(static_cast<std::time_t>(version.created_ms / 1000)), version.created_ms % 1000);
}

ModelFile object_file(const Session& session, std::string path, const TreeFile& file) {
  return {std::move(path),
          file.bytes,
          {Db::whole(session.artifacts->file_of(file.sha256, file.executable)), {}, file.sha256}};
}

/// Those of a file that a step has registered, or of a directory.
std::vector<ModelFile> stored_files(const Session& session, const VersionRow& version,
                                    std::string& data) {
  std::vector<ModelFile> files;
  for (const bool executable : {false, true}) {
    const auto path = session.artifacts->file_of(version.sha256, executable);
    if (!path) continue;
    data = is_zip(*path) ? "weights.pt" : "model.bin";
    const TreeFile file{.sha256 = version.sha256,
                        .bytes = std::filesystem::file_size(*path),
                        .executable = executable};
    files.push_back(object_file(session, data, file));
    return files;
  }
  data = ".";
  const auto manifest =
      Db::whole(read_file(Db::whole(session.artifacts->manifest_file_of(version.sha256))));
  const auto tree = Db::whole(parse_manifest(manifest));
  for (const TreeFile& file : tree) {
    if (!file.empty_directory) files.push_back(object_file(session, file.path, file));
  }
  return files;
}

std::string cut_segment(std::string& path) {
  const std::size_t end = std::min(path.find('/'), path.size());
  std::string segment = path.substr(0, end);
  path.erase(0, std::min(end + 1, path.size()));
  return segment;
}

}  // namespace

ModelFiles model_files(const Session& session, const std::string& path) {
  ModelFiles found;
  found.below = path;
  cut_segment(found.below);  // "models"
  const std::string name = cut_segment(found.below), number = cut_segment(found.below);
  if (name.empty() || number.empty() || session.artifacts == nullptr) return found;
  const json request = {{"name", name}, {"version", number}};
  const VersionRow version = version_of(session, Fields(request));
  if (version.sha256.empty()) {
    refuse(Code::does_not_exist, fmt::format("version {} of model '{}' is not of a pipeline's: it "
                                             "lies at {}",
                                             number, name, version.source));
  }
  std::string data;
  found.files = stored_files(session, version, data);
  const bool described =
      std::any_of(found.files.begin(), found.files.end(),
                  [](const ModelFile& file) { return file.path == kDescription; });
  if (!described) {
    std::string text = description_of(version, data);
    std::string digest = sha256_hex(text);
    found.files.push_back({std::string(kDescription), text.size(), {{}, text, digest}});
  }
  return found;
}

std::string source_of(const VersionRow& version) {
  if (version.sha256.empty() || !is_plain_name(version.name)) return version.source;
  return fmt::format("{}{}/{}/{}", kArtifactScheme, kModelsFolder, version.name, version.version);
}

}  // namespace scanflow::track
