#include "engine/cli/primitive_commands.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>

#include "engine/cli/connection.hpp"
#include "engine/cli/engine_primitive.hpp"
#include "engine/cli/hint.hpp"
#include "engine/cli/object_primitive.hpp"
#include "engine/cli/primitive_arguments.hpp"
#include "engine/cli/text.hpp"
#include "engine/orchestrate/primitive.hpp"
#include "engine/runtime/primitive.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/units.hpp"
#include "sdk/base/uuid.hpp"
#include "sidecar/protocol/primitives.hpp"

namespace scanflow::cli {

using nlohmann::json;

namespace {

constexpr std::string_view kPodPrefix = "pod/";

json schema_of(const std::string& primitive) {
  const auto* known = protocol::find_primitive(primitive);
  return known == nullptr ? json::object() : json::parse(known->schema);
}

Result<json> arguments_of(const PrimitiveOptions& options) {
  const json schema = schema_of(options.primitive);
  json arguments = json::object();
  if (!options.duration.empty()) arguments["for"] = options.duration;
  auto added = add_arguments(arguments, schema, options.arguments, "-a ");
  if (added) added = add_arguments(arguments, schema, options.words, "");
  if (!added) return fail(added.error().message);
  return arguments;
}

std::string command_outcome(const json& command) {
  return command.at("outcome").is_string() ? command["outcome"].get<std::string>() : "open";
}

/// For people, a line each.
std::string schema_lines(const json& evidence) {
  const std::string document = evidence.dump(2, ' ', false, json::error_handler_t::replace);
  std::string text;
  for (std::size_t at = 0; at < document.size() && !evidence.empty();) {
    const std::size_t end = std::min(document.find('\n', at), document.size());
    text += printable(std::string_view(document).substr(at, end - at)) + "\n";
    at = end + 1;
  }
  return text;
}

Color outcome_color(const std::string& outcome) {
  return outcome == "DONE" ? Color::green : outcome == "open" ? Color::yellow : Color::red;
}

/// The engine's answer. Where one ends before it gave one (perhaps with the run that the command
/// has ended), what it recorded; else the next one is asked, which may be this process.
api::Answer<json> send(const Context& context, const runtime::StateDirectory& state,
                       const json& request) {
  auto done = ask_engine(context, state, request);
  if (done || done.error().status != 503 || !context.server.empty()) return done;
  const auto runs = open_runs(context);
  if (!runs) return done;
  auto known = (*runs)->primitive(request.at("id"));
  if (!known) return done;
  if (known->at("outcome").is_null()) return ask_any_engine(context, state, request);
  return json{{"run", request.at("run")}, {"command", std::move(*known)}};
}

int list_table(const Context& context) {
  json all = runtime::primitive_documents();
  if (context.json) {
    for (json& each : all) each["targets"] = json::array({"step"});
    for (json& each : engine_primitive_documents()) all.push_back(std::move(each));
    for (json& each : orchestrate::primitive_documents()) all.push_back(std::move(each));
    fmt::print("{}\n", all.dump());
    return kSucceeded;
  }
  std::vector<std::vector<std::string>> rows;
  for (const json& each : all)
    rows.push_back({each.at("name"), arguments_text(each.at("schema")), each.at("summary")});
  const std::size_t width = table_width(STDOUT_FILENO);
  fmt::print("{}\n{}\n{}", table({"OF A STEP", "ARGUMENTS", ""}, rows, width),
             engine_primitives_table(width), object_primitives_table(width));
  return kSucceeded;
}

/// What of a cluster's objects is given for a step; "": nothing.
std::string stray_option(const PrimitiveOptions& options) {
  if (options.dry_run) return "--dry-run";
  if (!options.kubeconfig.empty()) return "--kubeconfig";
  if (!options.kube_context.empty()) return "--kube-context";
  if (!options.kube_namespace.empty()) return "--kube-namespace";
  return options.patch_allow.empty() ? "" : "--patch-allow";
}

/// Of pod/NAME[.NAMESPACE], as long as its sidecar is there.
api::Answer<std::string> uid_of_pod(const Context& context, const runtime::StateDirectory& state,
                                    const PrimitiveOptions& options) {
  const auto top = ask_engine(context, state, {{"op", "top"}});
  if (!top) return tl::unexpected(top.error());
  const std::string wanted = options.run.substr(kPodPrefix.size());
  const std::string& in = options.kube_namespace;
  std::vector<std::string> seen, found;
  for (const json& each : top->at("top").at("attempts")) {
    const json& pod = each.at("pod");
    if (!pod.is_object() || !pod.value("injected", false)) continue;
    const std::string name = pod.at("name"), name_space = each.at("pipeline");
    const bool same =
        wanted == name + "." + name_space || (wanted == name && (in.empty() || in == name_space));
    if (same && each.at("step") == options.step) found.push_back(each.at("run"));
    seen.push_back(
        fmt::format("pod/{}.{} {}", name, name_space, each.at("step").get<std::string>()));
  }
  if (found.size() == 1) return found.front();
  if (found.size() > 1)
    return api::wrong(fmt::format("{} is in several namespaces: pod/NAME.NAMESPACE", options.run));
  constexpr std::size_t kMostSeen = 8;
  if (seen.size() > kMostSeen) seen.resize(kMostSeen);
  return api::missing(fmt::format(
      "no sidecar of container {} in {} speaks with the engine; {}", options.step, options.run,
      seen.empty() ? "there is none of an injected Pod (scanflow hub enrol NAMESPACE)"
                   : fmt::format("these do: {}", fmt::join(seen, ", "))));
}

}  // namespace

int primitive_list(const Context& context, const PrimitiveOptions& options) {
  if (options.run.empty()) return list_table(context);
  if (options.step.empty())
    return complain(context, kUsage, "of which step? (scanflow primitive list RUN STEP)");
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  const auto run = find_run(context, options.run);
  if (!run) return complain(context, run.error());
  auto offers =
      ask_engine(context, *state, {{"op", "offers"}, {"run", *run}, {"step", options.step}});
  if (!offers) return complain(context, offers.error());
  if (context.json) {
    offers->erase("type");
    fmt::print("{}\n", offers->dump());
    return kSucceeded;
  }
  if (!offers->at("observed").get<bool>()) {
    fmt::print("no sidecar has seen {} yet: what it offers is not known\n", options.step);
    return kSucceeded;
  }
  std::vector<std::vector<std::string>> rows;
  for (const json& each : offers->at("offers")) {
    const json& by = each.at("by");
    rows.push_back({each.at("name"),
                    by == "step"      ? "by itself"
                    : by == "sidecar" ? "by its sidecar"
                                      : "no",
                    arguments_text(each.at("schema")), printable(each.value("summary", ""))});
  }
  fmt::print("{}",
             table({"PRIMITIVE", "OFFERED", "ARGUMENTS", ""}, rows, table_width(STDOUT_FILENO)));
  return kSucceeded;
}

int primitive_send(const Context& context, const PrimitiveOptions& options) {
  const bool in_pod =
      options.run.starts_with(kPodPrefix) && protocol::find_primitive(options.primitive) != nullptr;
  if (is_of_engine(options.run) && !options.step.empty())
    return engine_primitive_send(context, options);
  if (is_object(options.run) && !options.step.empty() && !in_pod)
    return object_primitive_send(context, options);
  if (options.primitive.empty())
    return complain(context, kUsage,
                    "a primitive of a step is sent by RUN STEP PRIMITIVE, one of an object of a "
                    "cluster by KIND/NAME PRIMITIVE");
  if (const std::string stray = stray_option(options); !stray.empty() && !in_pod)
    return complain(context, kUsage, stray + ": it is for objects of a cluster (KIND/NAME)");
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  const auto arguments = arguments_of(options);
  if (!arguments) return complain(context, kUsage, arguments.error().message);
  runtime::PrimitiveRequest request;
  request.id = uuid_v7(wall_us() / 1000);
  request.step = options.step;
  request.primitive = options.primitive;
  request.arguments = arguments->dump(-1, ' ', false, json::error_handler_t::replace);
  request.by = user_name();
  const auto deadline = deadline_of(options.deadline);
  if (!deadline) return complain(context, kUsage, deadline.error().message);
  request.deadline_us = *deadline;
  if (const auto right = runtime::check_primitive(request); !right)
    return complain(context, kUsage, right.error().message);
  const auto run = in_pod ? uid_of_pod(context, *state, options) : find_run(context, options.run);
  if (!run) return complain(context, run.error());
  request.run = *run;
  json asked = runtime::to_json(request);
  asked["op"] = "primitive";
  const auto done = send(context, *state, asked);
  if (!done) return complain(context, done.error());
  json command = done->at("command");
  const bool did = command.at("outcome") == "DONE";
  if (context.json) {
    command["run"] = *run;
    command["step"] = options.step;
    fmt::print("{}\n", command.dump());
    return did ? kSucceeded : kRunFailed;
  }
  command["step"] = options.step;
  fmt::print(
      "{} {}\n",
      paint(did ? "✓" : "✗", outcome_color(command_outcome(command)), use_color(STDOUT_FILENO)),
      primitive_line(command));
  if (options.primitive == "dump") fmt::print("{}", schema_lines(command.at("evidence")));
  return did ? kSucceeded : kRunFailed;
}

std::string primitive_line(const json& command) {
  const std::string message = printable(command.value("message", ""));
  const std::int64_t begun = command.at("started_us"), ended = command.at("ended_us");
  return fmt::format(
      "{} of {} by {}: {}{}{}", command.at("primitive").get<std::string>(),
      command.at("step").get<std::string>(), printable(command.at("by").get<std::string>()),
      command_outcome(command), message.empty() ? "" : "  " + message,
      begun > 0 && ended > begun ? fmt::format("  ({})", format_duration(ended - begun)) : "");
}

std::string primitives_table(const json& primitives, std::size_t width) {
  if (primitives.empty()) return {};
  std::vector<std::vector<std::string>> rows;
  for (const json& each : primitives) {
    std::string arguments;
    for (const auto& [name, value] : each.at("arguments").items())
      arguments +=
          fmt::format(" {}={}", name, value.is_string() ? value.get<std::string>() : value.dump());
    const json rule = each.at("evidence").value("rule", json());
    std::string words = each.value("message", "");
    if (rule.is_string()) words = rule.get<std::string>() + (words.empty() ? "" : ": ") + words;
    rows.push_back({format_time(each.at("issued_us")), each.at("step"),
                    printable(each.at("primitive").get<std::string>() + arguments),
                    printable(each.at("by").get<std::string>()), command_outcome(each),
                    printable(words)});
  }
  return "\n" + table({"ASKED", "STEP", "PRIMITIVE", "BY", "OUTCOME", ""}, rows, width);
}

std::vector<std::string> primitive_names() {
  std::vector<std::string> names;
  for (const auto& each : protocol::primitives()) names.emplace_back(each.name);
  return names;
}

std::vector<std::string> primitive_arguments(const std::string& primitive) {
  return argument_names(schema_of(primitive));
}

}  // namespace scanflow::cli
