#include "engine/cli/engine_primitive.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "engine/cli/connection.hpp"
#include "engine/cli/primitive_arguments.hpp"
#include "engine/cli/primitive_commands.hpp"
#include "engine/cli/text.hpp"
#include "engine/pipeline/engine_primitives.hpp"

namespace scanflow::cli {
namespace {

using nlohmann::json;

constexpr std::string_view kEngineItself = "engine", kOfService = "inferenceservice/";

std::span<const pipeline::EnginePrimitive> primitives_of(const std::string& target) {
  return target == kEngineItself ? pipeline::engine_primitives() : pipeline::service_primitives();
}

const pipeline::EnginePrimitive* find_of(const std::string& target, const std::string& name) {
  return target == kEngineItself ? pipeline::find_engine_primitive(name)
                                 : pipeline::find_service_primitive(name);
}

/// {"service": "NAMESPACE/NAME"}, or {} for the engine.
json target_of(const PrimitiveOptions& options) {
  if (options.run == kEngineItself) return json::object();
  std::string name = options.run.substr(kOfService.size());
  std::string name_space = options.kube_namespace.empty() ? "default" : options.kube_namespace;
  if (const auto dot = name.find('.'); dot != std::string::npos) {
    name_space = name.substr(dot + 1);
    name.resize(dot);
  }
  return {{"service", name_space + "/" + name}};
}

Result<json> engine_arguments(const PrimitiveOptions& options,
                              const pipeline::EnginePrimitive& primitive) {
  const json schema = json::parse(primitive.schema);
  std::vector<std::string> words = options.words;
  if (!options.primitive.empty()) words.insert(words.begin(), options.primitive);
  json arguments = json::object();
  auto added = add_arguments(arguments, schema, options.arguments, "-a ");
  if (added) added = add_arguments(arguments, schema, words, "");
  if (!added) return fail(added.error().message);
  return arguments;
}

std::string engine_rows(const char* head, std::span<const pipeline::EnginePrimitive> primitives,
                        std::size_t width) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& each : primitives)
    rows.push_back({std::string(each.name), arguments_text(json::parse(each.schema)),
                    std::string(each.summary)});
  return table({head, "ARGUMENTS", ""}, rows, width);
}

}  // namespace

bool is_of_engine(const std::string& target) {
  return target == kEngineItself || target.starts_with(kOfService);
}

std::vector<std::string> engine_primitive_names(const std::string& target) {
  std::vector<std::string> names;
  for (const auto& each : primitives_of(target)) names.emplace_back(each.name);
  return names;
}

std::vector<std::string> engine_primitive_arguments(const std::string& target,
                                                    const std::string& primitive) {
  const pipeline::EnginePrimitive* const found = find_of(target, primitive);
  return found == nullptr ? std::vector<std::string>() : argument_names(json::parse(found->schema));
}

int engine_primitive_send(const Context& context, const PrimitiveOptions& options) {
  const pipeline::EnginePrimitive* const primitive = find_of(options.run, options.step);
  if (primitive == nullptr) {
    return complain(context, kUsage,
                    fmt::format("'{}' is no primitive of {}: there is {}", options.step,
                                options.run, fmt::join(engine_primitive_names(options.run), ", ")));
  }
  const auto arguments = engine_arguments(options, *primitive);
  if (!arguments) return complain(context, kUsage, arguments.error().message);
  if (context.server.empty()) {
    return complain(context, kUsage,
                    "a server does it, and keeps it in its decision log: say which with --server "
                    "URL or $SCANFLOW_SERVER");
  }
  const auto client = context.client();
  if (!client) return complain(context, client.error());
  const json body = {
      {"primitive", options.step},
      {"target", target_of(options)},
      {"args", *arguments},
      {"namespace", options.kube_namespace.empty() ? "default" : options.kube_namespace},
      {"by", user_name()}};
  const auto decision =
      client->json_of({.method = "POST", .target = "/api/v1/decisions", .body = body.dump()});
  if (!decision) return complain(context, decision.error());
  const bool did = decision->at("state") == "done";
  if (context.json) {
    fmt::print("{}\n", decision->dump());
    return did ? kSucceeded : kRunFailed;
  }
  const json& action = decision->at("actions")[0];
  const std::string message = printable(action.at("message").get<std::string>());
  fmt::print("{} {} of {}: {}{}\n",
             paint(did ? "✓" : "✗", did ? Color::green : Color::red, use_color(STDOUT_FILENO)),
             options.step, options.run, action.at("outcome").get<std::string>(),
             message.empty() ? "  " + action.at("evidence").dump() : "  " + message);
  return did ? kSucceeded : kRunFailed;
}

std::string engine_primitives_table(std::size_t width) {
  return engine_rows("OF THE ENGINE", pipeline::engine_primitives(), width) + "\n" +
         engine_rows("OF A SERVICE", pipeline::service_primitives(), width);
}

json engine_primitive_documents() {
  json documents = json::array();
  const auto add = [&](std::span<const pipeline::EnginePrimitive> all, const char* target) {
    for (const auto& each : all)
      documents.push_back({{"name", each.name},
                           {"summary", each.summary},
                           {"schema", json::parse(each.schema)},
                           {"targets", {target}}});
  };
  add(pipeline::engine_primitives(), "engine");
  add(pipeline::service_primitives(), "inferenceservice");
  return documents;
}

}  // namespace scanflow::cli
