// `scanflow apply | diff | get | delete`: their options, and how they reach registry_commands.hpp.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "engine/cli/registry_commands.hpp"
#include "engine/pipeline/text.hpp"

namespace scanflow::cli {
namespace {

CLI::Option* add_files(CLI::App* app, FilesOptions& files, const char* what) {
  app->add_flag("-R,--recursive", files.recursive, "Of a directory also what is below it");
  return app->add_option("-f,--filename", files.files, what)
      ->type_name("FILE|DIR|-")
      ->allow_extra_args(false);
}

void add_selection(CLI::App* app, SelectOptions& select) {
  app->add_option("WHAT", select.what,
                  "KIND (pipeline), KIND/NAME, or NAME; NAME: [NAMESPACE/]NAME[@VERSION]");
  add_namespace(*app, select.name_space, "Where (default: default)");
  app->add_flag("-A,--all-namespaces", select.all_namespaces, "Everywhere");
  app->add_option("-l,--selector", select.labels,
                  "Whose labels match: team=a,tier!=test,stage in (dev,prod)")
      ->type_name("LABELS");
}

constexpr const char* kFileNamespace = "Of documents that say none (default: default)";

}  // namespace

void add_namespace(CLI::App& app, std::string& name_space, const char* help) {
  const auto check = [](const std::string& text) {
    return pipeline::is_label(text) ? std::string()
                                    : fmt::format("'{}' is not the name of a namespace: {}",
                                                  pipeline::printable(text), pipeline::kLabelRule);
  };
  app.add_option("-n,--namespace", name_space, help)->type_name("NAMESPACE")->check(check);
}

void add_registry(CLI::App& app, const Context& context, const std::string& format,
                  RegistryOptions& options, std::function<int()>& command) {
  auto* apply_app = app.add_subcommand(
      "apply", "Register pipelines by name, all or none; another text is a new version");
  add_files(apply_app, options.files, "YAML files, directories with some; - reads stdin")
      ->required();
  add_namespace(*apply_app, options.files.name_space, kFileNamespace);
  apply_app->add_flag("--dry-run", options.files.dry_run, "Check, and say what would be done");
  apply_app->callback([&] { command = [&] { return apply(context, options.files); }; });

  auto* diff_app =
      app.add_subcommand("diff", "What apply would change; exits with 1 where that is something");
  add_files(diff_app, options.files, "YAML files, directories with some; - reads stdin")
      ->required();
  add_namespace(*diff_app, options.files.name_space, kFileNamespace);
  diff_app->callback([&] { command = [&] { return diff(context, options.files); }; });

  auto* get_app = app.add_subcommand("get", "What is registered; -o yaml prints it as applied");
  add_selection(get_app, options.select);
  get_app->add_flag("--versions", options.versions, "All versions of one, the newest first");
  get_app->callback([&] {
    command = [&] {
      return get(context, options.select, options.versions,
                 format == "yaml" ? Show::yaml : Show::table);
    };
  });

  auto* delete_app = app.add_subcommand(
      "delete", "Remove what is registered, all or none of it; runs keep their text");
  add_selection(delete_app, options.select);
  add_files(delete_app, options.files, "What these files name, in place of WHAT");
  delete_app->callback([&] {
    command = [&] {
      options.files.name_space = options.select.name_space;
      return remove(context, options.select, options.files);
    };
  });
}

}  // namespace scanflow::cli
