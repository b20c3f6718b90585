// `scanflow plugin new`: writes a plugin project from the templates.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <ostream>

#include "engine/cli/plugin_commands.hpp"
#include "sdk/base/files.hpp"

#ifndef SCANFLOW_TEMPLATES
#define SCANFLOW_TEMPLATES ""
#endif

namespace scanflow::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::array<std::string_view, 3> kKinds = {"step", "trigger", "strategy"};

bool is_plugin_name(std::string_view name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  return !name.empty() && name.front() >= 'a' && name.front() <= 'z' && name.size() <= 100 &&
         std::all_of(name.begin(), name.end(), good);
}

/// acme.clean-up -> acme_clean_up
std::string file_name(std::string name) {
  for (char& c : name) c = c == '.' || c == '-' ? '_' : c;
  return name;
}

/// acme.clean-up -> AcmeCleanUp
std::string class_name(std::string_view name) {
  std::string result;
  bool upper = true;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) {
      upper = true;
      continue;
    }
    result += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return result;
}

std::map<std::string, std::string> replacements(const NewPlugin& plugin) {
  const auto use = plugin.kind == "step"
                       ? fmt::format("In a pipeline: `uses: {}`.", plugin.name)
                       : fmt::format("Rules name it: `{}: {}`.", plugin.kind, plugin.name);
  return {{"@NAME@", plugin.name},
          {"@KIND@", plugin.kind},
          {"@FILE@", file_name(plugin.name)},
          // Not the bare name: it may be the name of a library that the plugin links.
          {"@TARGET@", file_name(plugin.name) + "_plugin"},
          {"@CLASS@", class_name(plugin.name)},
          {"@USE@", use}};
}

std::string fill(std::string text, const std::map<std::string, std::string>& replacements) {
  for (const auto& [key, value] : replacements) {
    for (std::size_t at = 0; (at = text.find(key, at)) != std::string::npos; at += value.size()) {
      text.replace(at, key.size(), value);
    }
  }
  return text;
}

/// "FILE_test.cpp.in" -> "clean_test.cpp"
std::string target_name(std::string name, const std::string& file) {
  name.resize(name.size() - 3);
  if (name.starts_with("FILE")) name.replace(0, 4, file);
  return name;
}

Result<std::vector<std::string>> write_project(const NewPlugin& plugin, const fs::path& into) {
  const auto values = replacements(plugin);
  std::vector<std::string> written;
  for (const auto& folder : {plugin.templates / "common", plugin.templates / plugin.kind}) {
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
      if (entry->path().extension() != ".in") continue;
      const auto text = read_file(entry->path());
      if (!text) return fail(text.error().message);
      const auto name = target_name(entry->path().filename().string(), values.at("@FILE@"));
      auto done = write_file_atomically(into / name, fill(*text, values));
      if (!done) return fail(done.error().message);
      written.push_back(name);
    }
    if (error) {
      return fail(fmt::format("cannot read the templates in {}: {}; is the SDK installed?",
                              folder.string(), error.message()));
    }
  }
  std::sort(written.begin(), written.end());
  return written;
}

Result<void> make_empty_directory(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (!error && fs::is_empty(directory, error)) return {};
  return fail(
      error ? fmt::format("cannot make {}: {}", directory.string(), error.message())
            : fmt::format("{} is not empty; give another place with --dir", directory.string()));
}

}  // namespace

fs::path templates_beside(const fs::path& bin) {
  std::error_code error;
  auto installed = bin.parent_path() / "share/scanflow/templates";
  return fs::exists(installed, error) ? installed : fs::path(SCANFLOW_TEMPLATES);
}

int plugin_new(const NewPlugin& plugin, const PluginOutput& output) {
  if (std::find(kKinds.begin(), kKinds.end(), plugin.kind) == kKinds.end()) {
    return refuse(
        output, 2,
        fmt::format("unknown kind of plugin '{}'; it is step, trigger or strategy", plugin.kind));
  }
  if (!is_plugin_name(plugin.name)) {
    return refuse(output, 2,
                  fmt::format("'{}' cannot be a plugin's id; use lower-case letters, digits, "
                              "'.', '-' and '_', beginning with a letter",
                              plugin.name));
  }
  const auto into =
      fs::absolute(plugin.directory.empty() ? fs::path(plugin.name) : plugin.directory);
  if (auto made = make_empty_directory(into); !made) return refuse(output, 2, made.error().message);
  const auto written = write_project(plugin, into);
  if (!written) return refuse(output, 1, written.error().message);
  if (output.as_json) {
    output.out << loader::json{{"directory", into.string()}, {"files", *written}}.dump(2) << '\n';
    return 0;
  }
  output.out << fmt::format("{} '{}' in {}:\n", plugin.kind, plugin.name, into.string());
  for (const auto& name : *written) output.out << "  " << name << '\n';
  output.out << fmt::format(
      "next: cmake -S {0} -B {0}/build && cmake --build {0}/build && ctest "
      "--test-dir {0}/build\n",
      into.string());
  return 0;
}

}  // namespace scanflow::cli
