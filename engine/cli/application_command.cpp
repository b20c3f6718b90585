#include "engine/cli/application_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/cli/application_view.hpp"
#include "engine/cli/connection.hpp"
#include "engine/cli/registry.hpp"
#include "engine/cli/registry_commands.hpp"
#include "engine/cli/text.hpp"
#include "engine/deploy/teams.hpp"
#include "engine/inject/rewrite.hpp"
#include "engine/inject/yaml.hpp"
#include "engine/pipeline/application_reader.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::cli {
namespace {

using nlohmann::json;

api::Answer<json> ask_applications(const Context& context) {
  const auto list = [&]() -> api::Answer<json> {
    if (!context.server.empty()) {
      const auto client = context.client();
      if (!client) return tl::unexpected(client.error());
      return client->json_of({.target = "/api/v1/applications"});
    }
    const auto state = context.state_directory();
    if (!state) return api::broken(state.error().message);
    return ask_any_engine(context, *state, {{"op", "applications"}});
  };
  auto answer = list();
  if (!answer) return answer;
  return answer->at("applications");
}

pipeline::Reference application_named(const ApplicationOptions& options) {
  const std::size_t slash = options.name.find('/');
  if (slash != std::string::npos)
    return {options.name.substr(0, slash), options.name.substr(slash + 1), {}};
  return {options.name_space.empty() ? "default" : options.name_space, options.name, {}};
}

int list_applications(const Context& context) {
  const auto all = ask_applications(context);
  if (!all) return complain(context, all.error());
  if (context.json) {
    fmt::print("{}\n", all->dump());
  } else if (all->empty()) {
    fmt::print("no application is registered ('scanflow apply -f' does it)\n");
  } else {
    fmt::print("{}", applications_table(*all, table_width(STDOUT_FILENO)));
  }
  return kSucceeded;
}

int show_application(const Context& context, const ApplicationOptions& options) {
  const auto all = ask_applications(context);
  if (!all) return complain(context, all.error());
  const pipeline::Reference name = application_named(options);
  std::vector<std::string> names;
  for (const json& each : *all) {
    names.push_back(each.at("namespace").get<std::string>() + "/" +
                    each.at("name").get<std::string>());
    if (each.at("namespace") != name.name_space || each.at("name") != name.name) continue;
    if (context.json) {
      fmt::print("{}\n", each.dump());
    } else {
      fmt::print("{}", application_text(each, table_width(STDOUT_FILENO)));
    }
    return kSucceeded;
  }
  const std::string wanted = to_text(name), near = nearest(wanted, names);
  return complain(context, kUsage,
                  fmt::format("no application '{}' is registered; {}", printable(wanted),
                              near.empty() ? "'scanflow get applications -A' shows what there is"
                                           : fmt::format("did you mean '{}'?", near)));
}

/// The text of the document that is named, or of the file.
api::Answer<pipeline::SourceText> application_source(const Context& context,
                                                     const ApplicationOptions& options) {
  if (!options.file.empty()) {
    auto text = read_pipeline_file(options.file);
    if (!text) return api::wrong(text.error().message);
    return pipeline::SourceText{std::move(text->name), std::move(text->text)};
  }
  const auto registry = open_registry(context);
  if (!registry) return tl::unexpected(registry.error());
  const pipeline::Reference name = application_named(options);
  auto document = (*registry)->find({"Application", name.name_space, name.name, {}});
  if (!document) return tl::unexpected(document.error());
  return pipeline::SourceText{document->file, document->source, document->name_space};
}

int print_manifests(const Context& context, const ApplicationOptions& options) {
  if (options.name.empty() == options.file.empty())
    return complain(context, kUsage, "manifests: of which application? NAME, or -f FILE");
  const auto text = application_source(context, options);
  if (!text) return complain(context, text.error());
  const auto read = pipeline::read_application(text->file, text->text, text->name_space);
  if (!read.application)
    return complain(context, kUsage, pipeline::render(read.errors, text->text));
  json all = json::array();
  for (const pipeline::Team& team : read.application->teams) {
    for (json& each :
         deploy::manifests({read.application->name, team.name, team.name_space, team.quota.cpus,
                            team.quota.memory, team.quota.gpus, team.quota.services}))
      all.push_back(std::move(each));
  }
  if (context.json) {
    fmt::print("{}\n", json{{"apiVersion", "v1"}, {"kind", "List"}, {"items", all}}.dump());
    return kSucceeded;
  }
  std::vector<std::string> texts;
  for (const json& each : all) texts.push_back(inject::write_yaml(inject::from_json(each)));
  fmt::print("{}", inject::joined(texts));
  return kSucceeded;
}

}  // namespace

void add_application(CLI::App& app, const Context& context, ApplicationOptions& options,
                     std::function<int()>& command) {
  CLI::App* application = app.add_subcommand("application",
                                             "Applications and their teams ('apply' registers "
                                             "them): quotas, rights, what a cluster needs");
  application->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, std::function<int()> run) {
    CLI::App* each = application->add_subcommand(name, help);
    each->callback([&command, run = std::move(run)] { command = run; });
    return each;
  };
  const auto of_one = [&](CLI::App* each, bool required) {
    each->add_option("APPLICATION", options.name, "NAME, or NAMESPACE/NAME")->required(required);
    add_namespace(*each, options.name_space, "Its namespace (default: default)");
  };
  add("list", "All of them, with their teams", [&] { return list_applications(context); });
  of_one(add("show", "Its teams: what they have of their quotas now, what waits, their rights",
             [&] { return show_application(context, options); }),
         true);
  CLI::App* manifests =
      add("manifests",
          "Print what a cluster needs for its teams: namespaces, quotas, the rights of an engine "
          "in each (scanflow application manifests ... | kubectl apply -f -)",
          [&] { return print_manifests(context, options); });
  of_one(manifests, false);
  manifests->add_option("-f,--file", options.file, "Of a document that is not registered")
      ->type_name("FILE");
}

}  // namespace scanflow::cli
