#include "sdk/loader/catalog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "sdk/base/files.hpp"
#include "sdk/loader/builtin.hpp"
#include "sdk/loader/child.hpp"
#include "sdk/loader/index.hpp"

namespace scanflow::loader {

namespace fs = std::filesystem;

namespace {

/// `command` runs a program instead of a library: the worker knows how; here is what it takes.
PluginInfo command() {
  PluginInfo info;
  info.id = "command";
  info.version = "1.0.0";
  info.summary = "Runs a program: argv, or a script";
  info.config_schema = json::parse(R"({
    "type": "object",
    "properties": {
      "argv": {"type": "array", "items": {"type": "string"}, "minItems": 1,
               "description": "the program and its arguments; no shell is involved"},
      "run": {"type": "string", "minLength": 1, "description": "a script"},
      "shell": {"type": "string", "minLength": 1, "default": "bash",
                "description": "runs the script"},
      "cwd": {"type": "string", "minLength": 1, "description": "the directory that it runs in"}
    },
    "additionalProperties": true
  })");
  info.output_schema = json::parse(R"({"type": "object", "additionalProperties": true})");
  return info;
}

void add_absolute(std::vector<fs::path>& directories, std::string_view text) {
  // An empty entry means the working directory elsewhere; here it means nothing.
  if (text.empty()) return;
  std::error_code error;
  const auto path = fs::absolute(text, error).lexically_normal();
  if (!error) directories.push_back(path);
}

/// The libraries of one directory, sorted by name.
Result<std::vector<fs::path>> libraries_in(const fs::path& directory) {
  std::vector<fs::path> found;
  std::error_code error;
  if (!fs::exists(directory, error)) return found;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".so") found.push_back(entry->path());
  }
  if (error) {
    return fail(fmt::format("cannot read the plugin directory {}: {}", directory.string(),
                            error.message()));
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// The cheapest that holds: the index beside the library, the cache, a child process.
Result<LibraryInfo> describe_cheaply(const fs::path& library, const SearchPath& path,
                                     DescriptionCache& cache) {
  if (const auto text = read_file(index_path(library)); text) {
    auto info = read_index(json::parse(*text, nullptr, false), library);
    if (info) return std::move(*info);
  }
  if (auto info = cache.find(library); info) return std::move(*info);
  if (path.worker.empty()) {
    return fail(
        fmt::format("{}: it has no index beside it; write one with 'scanflow-describe index "
                    "{}'",
                    library.string(), library.string()));
  }
  auto info = describe_in_child(path.worker, library, path.describe_deadline);
  if (info) cache.put(*info);
  return info;
}

std::string origin(const PluginInfo& plugin) {
  return plugin.library.empty() ? "scanflow itself (built in)" : plugin.library.string();
}

}  // namespace

SearchPath search_path(const std::vector<std::string>& plugin_dirs, const fs::path& installed) {
  SearchPath path;
  for (const auto& directory : plugin_dirs) add_absolute(path.directories, directory);
  if (const char* list = std::getenv("SCANFLOW_PLUGIN_PATH"); list != nullptr) {
    std::string_view rest = list;
    while (!rest.empty()) {
      const auto colon = std::min(rest.find(':'), rest.size());
      add_absolute(path.directories, rest.substr(0, colon));
      rest.remove_prefix(std::min(colon + 1, rest.size()));
    }
  }
  add_absolute(path.directories, installed.string());
  return path;
}

Catalog Catalog::built_in() {
  Catalog catalog;
  catalog.add(command());
  const auto builtin = builtin_library();
  if (!builtin) throw std::logic_error(builtin.error().message);
  for (const auto& plugin : (*builtin)->info().plugins) catalog.add(plugin);
  return catalog;
}

void Catalog::add(PluginInfo info) {
  const auto before = [](const PluginInfo& a, const PluginInfo& b) { return a.id < b.id; };
  plugins_.insert(std::upper_bound(plugins_.begin(), plugins_.end(), info, before),
                  std::move(info));
}

Result<Catalog> Catalog::discover(const SearchPath& path) {
  auto catalog = built_in();
  DescriptionCache cache(path.cache);
  std::set<fs::path> seen;  // a directory or file named twice is one
  for (const auto& directory : path.directories) {
    std::error_code error;
    if (!seen.insert(fs::weakly_canonical(directory, error)).second) continue;
    catalog.searched_.push_back(directory);
    auto libraries = libraries_in(directory);
    if (!libraries) {
      catalog.problems_.push_back(libraries.error().message);
      continue;
    }
    for (const auto& library : *libraries) {
      if (!seen.insert(fs::weakly_canonical(library, error)).second) continue;
      auto info = describe_cheaply(library, path, cache);
      if (!info) {
        catalog.problems_.push_back(info.error().message);
        continue;
      }
      if (auto added = catalog.add_library(std::move(*info)); !added) {
        return fail(added.error().message);
      }
    }
  }
  if (auto saved = cache.save(); !saved) {
    catalog.problems_.push_back("the descriptions of plugins are not cached: " +
                                saved.error().message);
  }
  return catalog;
}

Result<void> Catalog::add_library(LibraryInfo library) {
  for (const auto& plugin : library.plugins) {
    if (const auto* other = find(plugin.id); other != nullptr) {
      return fail(
          fmt::format("two plugins are called '{}': one in {}, one in {}; remove or rename "
                      "one of them",
                      plugin.id, origin(*other), origin(plugin)));
    }
    add(plugin);
  }
  libraries_.push_back(std::move(library));
  return {};
}

const PluginInfo* Catalog::find(std::string_view id) const {
  const auto found = std::lower_bound(
      plugins_.begin(), plugins_.end(), id,
      [](const PluginInfo& plugin, std::string_view key) { return plugin.id < key; });
  return found != plugins_.end() && found->id == id ? &*found : nullptr;
}

std::vector<const PluginInfo*> Catalog::all() const {
  std::vector<const PluginInfo*> list;
  list.reserve(plugins_.size());
  for (const auto& plugin : plugins_) list.push_back(&plugin);
  return list;
}

std::vector<std::string> Catalog::ids(Kind kind) const {
  std::vector<std::string> list;
  for (const auto& plugin : plugins_) {
    if (plugin.kind == kind) list.push_back(plugin.id);
  }
  return list;
}

}  // namespace scanflow::loader
