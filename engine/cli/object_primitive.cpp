#include "engine/cli/object_primitive.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>

#include "engine/cli/connection.hpp"
#include "engine/cli/primitive_arguments.hpp"
#include "engine/cli/primitive_commands.hpp"
#include "engine/cli/text.hpp"
#include "engine/orchestrate/primitive.hpp"
#include "engine/pipeline/reader.hpp"
#include "engine/runtime/action.hpp"
#include "engine/runtime/cluster.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/units.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {

using nlohmann::json;

namespace {

json schema_of_object(const std::string& primitive) {
  const auto* known = orchestrate::find_primitive(primitive);
  return known == nullptr ? json::object() : json::parse(known->schema);
}

using runtime::variable;

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

Result<json> arguments_of_object(const PrimitiveOptions& options, const Words& words) {
  if (!options.duration.empty())
    return fail("--for: it is for steps; no primitive of a cluster's objects ends by itself");
  const json schema = schema_of_object(words.primitive);
  json arguments = json::object();
  auto added = add_arguments(arguments, schema, options.arguments, "-a ");
  if (added) added = add_arguments(arguments, schema, words.arguments, "");
  if (!added) return fail(added.error().message);
  return arguments;
}

Result<runtime::ActionRequest> action_of(const PrimitiveOptions& options) {
  const Words words = object_words(options);
  auto arguments = arguments_of_object(options, words);
  if (!arguments) return fail(arguments.error().message);
  runtime::ActionRequest request;
  request.id = uuid_v7(wall_us() / 1000);
  request.object = options.run;
  request.name_space = options.kube_namespace;
  request.primitive = words.primitive;
  request.arguments = std::move(*arguments);
  request.dry_run = options.dry_run;
  request.by = user_name();
  const auto deadline = deadline_of(options.deadline);
  if (!deadline) return fail(deadline.error().message);
  request.deadline_us = *deadline;
  return request;
}

Result<std::shared_ptr<kube::Client>> client_of(const PrimitiveOptions& options) {
  return kube::Client::open_at({options.kubeconfig, options.kube_context.empty()
                                                        ? variable("SCANFLOW_KUBE_CONTEXT")
                                                        : options.kube_context});
}

int show_action(const Context& context, const json& action, int exit) {
  if (context.json) {
    fmt::print("{}\n", action.dump(-1, ' ', false, json::error_handler_t::replace));
    return exit;
  }
  const bool did = action.at("outcome") == "DONE";
  fmt::print("{} {}\n",
             paint(did ? "✓" : "✗", did ? Color::green : Color::red, use_color(STDOUT_FILENO)),
             action_line(action));
  return exit;
}

/// By the server's engine, with its rights.
int send_by_server(const Context& context, const runtime::ActionRequest& request,
                   const PrimitiveOptions& options) {
  for (const auto& [name, value] : {std::pair("--kubeconfig", options.kubeconfig),
                                    std::pair("--kube-context", options.kube_context),
                                    std::pair("--patch-allow", options.patch_allow)}) {
    if (!value.empty())
      return complain(context, kUsage, std::string(name) + ": the server has its own (--server)");
  }
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  json asked = runtime::to_json(request);
  asked["op"] = "act";
  const auto done = ask_engine(context, *state, asked);
  if (!done) return complain(context, done.error());
  const json& action = done->at("action");
  return show_action(context, action, action.at("outcome") == "DONE" ? kSucceeded : kRunFailed);
}

/// From here, with the kubeconfig of whoever sends it.
int send_from_here(const Context& context, const runtime::ActionRequest& request,
                   runtime::CheckedAction action, const PrimitiveOptions& options) {
  const auto client = client_of(options);
  if (!client) return complain(context, kEngine, client.error().message);
  std::string usual = variable("SCANFLOW_KUBE_NAMESPACE");
  if (usual.empty()) usual = (*client)->access().name_space;
  auto target = orchestrate::find_target(**client, action.object, request.name_space, usual);
  if (!target)
    return complain(context, target.error().code == 0 ? kEngine : kUsage, target.error().message);
  action.request.target = std::move(*target);
  store::ActionRow row = runtime::row_of(request, action, wall_us());
  row.started_us = row.issued_us;
  const orchestrate::Outcome outcome = orchestrate::act(**client, action.request);
  row.ended_us = wall_us();
  runtime::take_outcome(row, outcome);
  return show_action(context, runtime::action_document(row),
                     outcome.state == orchestrate::Outcome::State::done ? kSucceeded
                     : outcome.answered                                 ? kRunFailed
                                                                        : kEngine);
}

/// "web.shop" of a Deployment is web in shop.
Result<api::ActionQuery> query_of(const HistoryOptions& options) {
  api::ActionQuery query;
  query.limit = options.limit;
  query.name_space = options.kube_namespace;
  if (options.object.empty()) return query;
  const auto written = orchestrate::read_target(options.object);
  if (!written) return fail(written.error().message);
  if (const kube::Kind* known = orchestrate::known_kind(written->kind)) {
    const auto target = orchestrate::target_of(*known, written->name, query.name_space, "");
    return api::ActionQuery{target.kind.kind, target.name_space, target.name, options.limit, ""};
  }
  if (written->kind.find('.') != std::string::npos || std::islower(written->kind.front()) != 0) {
    return fail(
        fmt::format("the kind {} is not known here: write it as the history has it, such as "
                    "InferenceService/digits",
                    printable(written->kind)));
  }
  query.kind = written->kind;
  query.name = written->name;
  return query;
}

}  // namespace

bool is_object(const std::string& target) { return target.find('/') != std::string::npos; }

Result<orchestrate::AllowList> read_patch_allow(const std::string& option) {
  const std::string file = option.empty() ? variable("SCANFLOW_PATCH_ALLOW") : option;
  if (file.empty()) return orchestrate::AllowList();
  const auto text = read_pipeline_file(file);
  if (!text) return fail("--patch-allow: " + text.error().message);
  const auto document = pipeline::read_yaml_value(text->name, text->text);
  if (!document) return fail(document.error().message);
  auto list = orchestrate::read_allow_list(*document);
  if (!list) return fail(fmt::format("{}: {}", text->name, list.error().message));
  return list;
}

std::string action_line(const json& action) {
  const json& target = action.at("target");
  const std::string where = target.at("namespace").get<std::string>();
  const std::int64_t begun = action.at("started_us"), ended = action.at("ended_us");
  return printable(fmt::format(
      "{} of {} {}{}: {}  {}{}", action.at("primitive").get<std::string>(),
      target.at("kind").get<std::string>(), where.empty() ? "" : where + "/",
      target.at("name").get<std::string>(),
      action.at("outcome").is_null() ? "open" : action["outcome"].get<std::string>(),
      action.at("message").get<std::string>(),
      begun > 0 && ended >= begun ? fmt::format("  ({})", format_duration(ended - begun)) : ""));
}

int object_primitive_send(const Context& context, const PrimitiveOptions& options) {
  auto request = action_of(options);
  if (!request) return complain(context, kUsage, request.error().message);
  const bool here = context.server.empty();
  const auto allowed = here ? read_patch_allow(options.patch_allow)
                            : Result<orchestrate::AllowList>(orchestrate::AllowList());
  if (!allowed) return complain(context, kUsage, allowed.error().message);
  auto action = runtime::check_action(*request, *allowed);
  if (!action) return complain(context, kUsage, action.error().message);
  return here ? send_from_here(context, *request, std::move(*action), options)
              : send_by_server(context, *request, options);
}

int primitive_history(const Context& context, const HistoryOptions& options) {
  const auto query = query_of(options);
  if (!query) return complain(context, kUsage, query.error().message);
  const auto runs = open_runs(context);
  if (!runs) return complain(context, runs.error());
  const auto list = (*runs)->actions(*query);
  if (!list) return complain(context, list.error());
  if (context.json) {
    fmt::print("{}\n", list->dump(-1, ' ', false, json::error_handler_t::replace));
    return kSucceeded;
  }
  std::vector<std::vector<std::string>> rows;
  for (const json& action : list->at("actions")) {
    rows.push_back({format_time(action.at("issued_us")), action.at("by"), action_line(action)});
  }
  if (rows.empty()) {
    fmt::print(stderr, "nothing was asked of it through this engine (--state, --server)\n");
    return kSucceeded;
  }
  fmt::print("{}", table({"WHEN", "BY", "WHAT"}, rows, table_width(STDOUT_FILENO)));
  return kSucceeded;
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
