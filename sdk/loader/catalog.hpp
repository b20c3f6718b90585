// Which plugins there are: found on a search path, described without loading them into this
// process.
#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::loader {

using nlohmann::json;

enum class Kind { step, trigger, strategy };
std::string_view name(Kind kind);

/// One plugin, as its descriptor says. Schemas are {} where the plugin has none.
struct PluginInfo {
  Kind kind = Kind::step;
  std::string id, version, summary;
  json config_schema = json::object(), input_schema = json::object(),
       output_schema = json::object();
  json primitives = json::array();
  json commands = json::array();  // of a step: commands.hpp
  bool serves = false;            // a step that serves online: step.infer/1
  std::filesystem::path library;  // absolute; empty for what is built in
  std::string library_sha256;
};

/// One library and what it offers.
struct LibraryInfo {
  std::filesystem::path path;
  std::string id, version, build, sha256;
  std::uint32_t abi_major = 0, abi_minor = 0;
  std::vector<PluginInfo> plugins;
};

json to_json(const LibraryInfo& library);
Result<LibraryInfo> library_from_json(const json& document);

struct SearchPath {
  std::vector<std::filesystem::path> directories;  // in this order; a missing one is skipped
  std::filesystem::path worker;  // absolute; `worker describe LIBRARY` runs in a child process:
                                 // scanflow-worker, or scanflow-describe of the SDK
  std::filesystem::path cache;   // a writable file for descriptions of libraries without an index
                                 // beside them; may be empty
  std::chrono::milliseconds describe_deadline{10'000};  // for one library, in its child process
};
/// --plugin-dir, then SCANFLOW_PLUGIN_PATH (colons), then `installed`. Never the working directory.
SearchPath search_path(const std::vector<std::string>& plugin_dirs,
                       const std::filesystem::path& installed);

class Catalog {
 public:
  /// Reads NAME.so's index NAME.plugin.json where it matches (size and mtime, else digest), or
  /// describes the library in a child process. A duplicate id is an error that names both files; a
  /// library that cannot be described is reported in problems() and its plugins are missing. Always
  /// has the built-in `noop` and `command`.
  static Result<Catalog> discover(const SearchPath& path);
  /// Only what is built in (and, in tests, what they add).
  static Catalog built_in();
  void add(PluginInfo info);

  const PluginInfo* find(std::string_view id) const;
  std::vector<const PluginInfo*> all() const;  // sorted by id
  std::vector<std::string> ids(Kind kind) const;
  const std::vector<LibraryInfo>& libraries() const { return libraries_; }
  const std::vector<std::string>& problems() const { return problems_; }
  const std::vector<std::filesystem::path>& searched() const { return searched_; }

 private:
  Result<void> add_library(LibraryInfo library);

  std::vector<PluginInfo> plugins_;  // sorted by id
  std::vector<LibraryInfo> libraries_;
  std::vector<std::string> problems_;
  std::vector<std::filesystem::path> searched_;
};

}  // namespace scanflow::loader
