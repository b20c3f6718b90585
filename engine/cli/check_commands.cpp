// scanflow validate, scanflow graph
#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "engine/cli/commands.hpp"
#include "engine/cli/graph_view.hpp"
#include "engine/cli/registry.hpp"
#include "engine/cli/text.hpp"
#include "engine/pipeline/reader.hpp"
#include "engine/runtime/applications.hpp"
#include "engine/runtime/submission.hpp"

namespace scanflow::cli {

using nlohmann::json;

namespace {

json check_json(const std::vector<pipeline::Diagnostic>& errors) {
  json list = json::array();
  for (const pipeline::Diagnostic& error : errors) {
    list.push_back({{"file", error.file},
                    {"line", error.at.line},
                    {"column", error.at.column},
                    {"message", error.message},
                    {"hint", error.hint},
                    {"notes", error.notes}});
  }
  return list;
}

}  // namespace

namespace {

/// Why it may not run for `caller`, by the applications that are registered; "": it may.
api::Answer<std::vector<std::string>> reasons_against(const Registry& registry,
                                                      const pipeline::Pipeline& pipeline,
                                                      std::uint32_t version,
                                                      const std::string& caller) {
  if (!registry) return tl::unexpected(registry.error());
  const auto documents = (*registry)->list({"Application", "", "", true});
  if (!documents) return tl::unexpected(documents.error());
  return pipeline::refusals(runtime::read_applications(*documents, nullptr),
                            {pipeline, version, caller});
}

}  // namespace

int validate(const Context& context, const std::vector<std::string>& files,
             const std::string& name_space) {
  const auto registry = open_registry(context);
  const auto catalog = context.catalog();
  if (!catalog) return complain(context, kUsage, catalog.error().message);
  std::size_t errors = 0;
  json documents = json::array();
  for (const std::string& file : files) {
    const auto source = find_pipeline(file, name_space, registry);
    if (!source) {
      ++errors;
      if (!context.json) complain(context, kUsage, source.error().message);
      documents.push_back(
          {{"file", file}, {"valid", false}, {"errors", {{{"message", source.error().message}}}}});
      continue;
    }
    const pipeline::ReadResult read =
        pipeline::read_pipeline(source->file, source->source, *catalog,
                                runtime::find_pipelines(find_in(registry)), source->name_space);
    json said = check_json(read.errors);
    std::vector<std::string> not_allowed;
    if (read.pipeline) {
      auto found = reasons_against(registry, *read.pipeline, source->version, name_space);
      if (!found) return complain(context, found.error());
      not_allowed = std::move(*found);
    }
    for (const std::string& each : not_allowed) said.push_back({{"message", each}});
    errors += said.size();
    documents.push_back({{"file", source->file}, {"valid", said.empty()}, {"errors", said}});
    if (context.json) continue;
    fmt::print(stderr, "{}", pipeline::render(read.errors, source->source));
    for (const std::string& each : not_allowed) fmt::print(stderr, "{}\n", each);
    if (read.pipeline && not_allowed.empty())
      fmt::print("{}: {} is valid ({} step{})\n", source->file,
                 short_name(read.pipeline->name_space, read.pipeline->name, 0),
                 read.pipeline->steps.size(), read.pipeline->steps.size() == 1 ? "" : "s");
  }
  if (context.json) fmt::print("{}\n", documents.dump());
  if (errors > 0 && !context.json)
    fmt::print(stderr, "{} {}\n", errors, errors == 1 ? "error" : "errors");
  return errors > 0 ? kUsage : kSucceeded;
}

int graph(const Context& context, const GraphCommand& command) {
  auto catalog = context.catalog();
  if (!catalog) return complain(context, kUsage, catalog.error().message);
  const auto registry = open_registry(context);
  auto found = find_pipeline(command.file, command.name_space, registry);
  if (!found) return complain(context, found.error());
  runtime::Submission& submission = *found;
  if (submission.version > 0 && !command.name_space.empty() &&
      submission.name_space != command.name_space)
    return complain(context, kUsage,
                    fmt::format("'{}' is in the namespace '{}', and -n says '{}': leave one out",
                                command.file, submission.name_space, command.name_space));
  auto params = parse_params(command.params);
  if (!params) return complain(context, kUsage, params.error().message);
  submission.params = std::move(*params);
  const auto collected = runtime::collect_sources(submission, *catalog, find_in(registry));
  if (!collected) return complain(context, kUsage, collected.error().message);
  const auto prepared =
      runtime::prepare(submission, std::make_shared<const loader::Catalog>(std::move(*catalog)));
  if (!prepared) return complain(context, kUsage, prepared.error().message);
  const GraphView view = view_of(*prepared->plan);
  std::string text;
  if (command.format == "dot") {
    text = graph_dot(view);
  } else if (command.format == "mermaid") {
    text = graph_mermaid(view);
  } else if (command.format == "svg") {
    auto svg = graph_svg(view);
    if (!svg) return complain(context, kEngine, svg.error().message);
    text = std::move(*svg);
  } else {
    text = graph_text(view, {.color = use_color(STDOUT_FILENO)});
  }
  if (context.json) {
    json nodes = json::array();
    for (const GraphNode& node : view.nodes) {
      json needs = json::array();
      for (const std::uint32_t need : node.needs) needs.push_back(view.nodes[need].id);
      nodes.push_back({{"name", node.id}, {"uses", node.uses}, {"needs", std::move(needs)}});
    }
    text =
        json{{"pipeline", view.title}, {"namespace", view.name_space}, {"steps", std::move(nodes)}}
            .dump() +
        "\n";
  }
  fmt::print("{}", text);
  return kSucceeded;
}

}  // namespace scanflow::cli
