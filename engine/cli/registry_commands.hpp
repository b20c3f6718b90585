// scanflow apply | diff | get | delete: each gives the process's exit status.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/cli/context.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace scanflow::cli {

struct FilesOptions {
  std::vector<std::string> files;  // files, directories, "-"
  bool recursive = false;
  std::string name_space;  // -n
  bool dry_run = false;
};
int apply(const Context& context, const FilesOptions& options);
/// Exits with 0 where nothing differs, 1 where something does.
int diff(const Context& context, const FilesOptions& options);

/// Which registered documents.
struct SelectOptions {
  std::vector<std::string> what;  // KIND, KIND/NAME, [NAMESPACE/]NAME[@VERSION]
  std::string name_space;         // -n; empty: "default"
  bool all_namespaces = false;
  std::string labels;
};
enum class Show { table, yaml };
int get(const Context& context, const SelectOptions& options, bool versions, Show show);
int remove(const Context& context, const SelectOptions& options, const FilesOptions& files);

struct RegistryOptions {
  FilesOptions files;
  SelectOptions select;
  bool versions = false;
};
/// Declares -n, whose value must be a namespace's name.
void add_namespace(CLI::App& app, std::string& name_space, const char* help);
/// Declares the commands; the chosen one goes into `command`. `format`: what -o says.
void add_registry(CLI::App& app, const Context& context, const std::string& format,
                  RegistryOptions& options, std::function<int()>& command);

}  // namespace scanflow::cli
