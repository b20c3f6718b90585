#include "engine/cli/object_primitive.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cstdlib>

#include "engine/cli/primitive_arguments.hpp"
#include "engine/cli/primitive_commands.hpp"
#include "engine/cli/text.hpp"
#include "engine/orchestrate/primitive.hpp"
#include "engine/pipeline/reader.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::cli {

using nlohmann::json;

namespace {

json schema_of_object(const std::string& primitive) {
  const auto* known = orchestrate::find_primitive(primitive);
  return known == nullptr ? json::object() : json::parse(known->schema);
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// What follows the target: the primitive, and its arguments.
struct Words {
  std::string primitive;
  std::vector<std::string> arguments;
};
Words object_words(const PrimitiveOptions& options) {
  Words words{options.step, options.words};
  if (!options.primitive.empty())
    words.arguments.insert(words.arguments.begin(), options.primitive);
  return words;
}

Result<orchestrate::AllowList> allow_list_of(const PrimitiveOptions& options) {
  const std::string file =
      options.patch_allow.empty() ? variable("SCANFLOW_PATCH_ALLOW") : options.patch_allow;
  if (file.empty()) return orchestrate::AllowList();
  const auto text = read_pipeline_file(file);
  if (!text) return fail("--patch-allow: " + text.error().message);
  const auto document = pipeline::read_yaml_value(text->name, text->text);
  if (!document) return fail(document.error().message);
  auto list = orchestrate::read_allow_list(*document);
  if (!list) return fail(fmt::format("{}: {}", text->name, list.error().message));
  return list;
}

/// All of it but the target, checked before anybody is asked.
Result<orchestrate::Request> object_request(const PrimitiveOptions& options) {
  const Words words = object_words(options);
  orchestrate::Request request;
  request.primitive = words.primitive;
  request.dry_run = options.dry_run;
  if (!options.duration.empty())
    return fail("--for: it is for steps; no primitive of a cluster's objects ends by itself");
  const json schema = schema_of_object(words.primitive);
  auto added = add_arguments(request.arguments, schema, options.arguments, "-a ");
  if (added) added = add_arguments(request.arguments, schema, words.arguments, "");
  if (!added) return fail(added.error().message);
  if (!options.deadline.empty()) {
    const auto deadline = parse_duration(options.deadline);
    if (!deadline) return fail("--deadline: " + deadline.error().message);
    if (*deadline <= 0) return fail("--deadline: it must be above 0");
    request.deadline_us = *deadline;
  }
  auto allowed = allow_list_of(options);
  if (!allowed) return fail(allowed.error().message);
  request.allowed = std::move(*allowed);
  return orchestrate::check_request(std::move(request));
}

Result<std::shared_ptr<kube::Client>> client_of(const PrimitiveOptions& options) {
  auto access = kube::find_access({options.kubeconfig, options.kube_context.empty()
                                                           ? variable("SCANFLOW_KUBE_CONTEXT")
                                                           : options.kube_context});
  if (!access) return fail(access.error().message);
  return kube::Client::open(std::move(*access), kube::Client::usual());
}

Result<orchestrate::Target> target_from(kube::Client& client, const PrimitiveOptions& options,
                                        const orchestrate::Written& written) {
  const kube::Kind* known = orchestrate::known_kind(written.kind);
  const Result<kube::Kind> kind = known != nullptr
                                      ? Result<kube::Kind>(*known)
                                      : orchestrate::discovered_kind(client, written.kind);
  if (!kind) return fail(kind.error().message);
  std::string usual = variable("SCANFLOW_KUBE_NAMESPACE");
  if (usual.empty()) usual = client.access().name_space;
  return orchestrate::target_of(*kind, written.name, options.kube_namespace, usual);
}

int show_outcome(const Context& context, const orchestrate::Request& request,
                 const orchestrate::Outcome& outcome, std::int64_t begun_us) {
  const std::int64_t ended_us = wall_us();
  const bool did = outcome.state == orchestrate::Outcome::State::done;
  const int exit = did ? kSucceeded : outcome.answered ? kRunFailed : kEngine;
  if (context.json) {
    const orchestrate::Target& target = request.target;
    const json document = {{"target",
                            {{"api_version", target.kind.api_version()},
                             {"kind", target.kind.kind},
                             {"namespace", target.name_space},
                             {"name", target.name}}},
                           {"primitive", request.primitive},
                           {"arguments", request.arguments},
                           {"by", user_name()},
                           {"dry_run", request.dry_run},
                           {"outcome", orchestrate::name_of(outcome.state)},
                           {"message", outcome.message},
                           {"evidence", outcome.evidence},
                           {"started_us", begun_us},
                           {"ended_us", ended_us}};
    fmt::print("{}\n", document.dump(-1, ' ', false, json::error_handler_t::replace));
    return exit;
  }
  fmt::print("{} {} of {}: {}  {}  ({})\n",
             paint(did ? "✓" : "✗", did ? Color::green : Color::red, use_color(STDOUT_FILENO)),
             request.primitive, printable(orchestrate::named(request.target)),
             orchestrate::name_of(outcome.state), printable(outcome.message),
             format_duration(ended_us - begun_us));
  return exit;
}

}  // namespace

bool is_object(const std::string& target) { return target.find('/') != std::string::npos; }

int object_primitive_send(const Context& context, const PrimitiveOptions& options) {
  auto request = object_request(options);
  if (!request) return complain(context, kUsage, request.error().message);
  const auto written = orchestrate::read_target(options.run);
  if (!written) return complain(context, kUsage, written.error().message);
  const auto client = client_of(options);
  if (!client) return complain(context, kEngine, client.error().message);
  auto target = target_from(**client, options, *written);
  // Of a kind with its group the API server is asked.
  const bool asked = written->kind.find('.') != std::string::npos;
  if (!target) return complain(context, asked ? kEngine : kUsage, target.error().message);
  request->target = std::move(*target);
  const std::int64_t begun_us = wall_us();
  return show_outcome(context, *request, orchestrate::act(**client, *request), begun_us);
}

std::string object_primitives_table(std::size_t width) {
  std::vector<std::vector<std::string>> rows;
  for (const json& each : orchestrate::primitive_documents()) {
    std::vector<std::string> targets = each.at("targets");
    rows.push_back({each.at("name"), fmt::format("{}", fmt::join(targets, ", ")),
                    arguments_text(each.at("schema")), each.at("summary")});
  }
  return table({"OF AN OBJECT", "KINDS", "ARGUMENTS", ""}, rows, width);
}

std::vector<std::string> object_primitive_names() {
  std::vector<std::string> names;
  for (const auto& each : orchestrate::primitives()) names.emplace_back(each.name);
  return names;
}

std::vector<std::string> object_primitive_arguments(const std::string& primitive) {
  return argument_names(schema_of_object(primitive));
}

}  // namespace scanflow::cli
