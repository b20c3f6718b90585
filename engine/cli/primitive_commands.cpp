#include "engine/cli/primitive_commands.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "engine/cli/connection.hpp"
#include "engine/cli/hint.hpp"
#include "engine/cli/text.hpp"
#include "engine/runtime/primitive.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/units.hpp"
#include "sdk/base/uuid.hpp"
#include "sidecar/protocol/primitives.hpp"

namespace scanflow::cli {

using nlohmann::json;

namespace {

json schema_of(const std::string& primitive) {
  const auto* known = protocol::find_primitive(primitive);
  return known == nullptr ? json::object() : json::parse(known->schema);
}

/// "share, [for]"
std::string arguments_of(const json& schema) {
  const json required = schema.value("required", json::array());
  const json properties = schema.value("properties", json::object());
  std::string text;
  for (const bool needed : {true, false}) {
    for (const auto& [name, property] : properties.items()) {
      const bool is = std::find(required.begin(), required.end(), name) != required.end();
      if (is != needed) continue;
      text += fmt::format("{}{}", text.empty() ? "" : ", ", is ? name : "[" + name + "]");
    }
  }
  return text;
}

/// As the primitive's schema wants it: a text as it is, anything else as JSON where it is some.
json value_of(const json& schema, const std::string& name, const std::string& text) {
  const json property = schema.value("properties", json::object()).value(name, json::object());
  if (property.value("type", "") == "string") return text;
  json value = json::parse(text, nullptr, false);
  return value.is_discarded() ? json(text) : value;
}

Result<json> arguments_of(const PrimitiveOptions& options) {
  const json schema = schema_of(options.primitive);
  json arguments = json::object();
  if (!options.duration.empty()) arguments["for"] = options.duration;
  for (const std::string& each : options.arguments) {
    const std::size_t equals = each.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(fmt::format("-a {}: must be NAME=VALUE", each));
    const std::string name = each.substr(0, equals);
    if (arguments.contains(name)) return fail(fmt::format("-a {}: {} is given twice", each, name));
    arguments[name] = value_of(schema, name, each.substr(equals + 1));
  }
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
  const json all = runtime::primitive_documents();
  if (context.json) {
    fmt::print("{}\n", all.dump());
    return kSucceeded;
  }
  std::vector<std::vector<std::string>> rows;
  for (const json& each : all)
    rows.push_back({each.at("name"), arguments_of(each.at("schema")), each.at("summary")});
  fmt::print("{}", table({"PRIMITIVE", "ARGUMENTS", ""}, rows, table_width(STDOUT_FILENO)));
  return kSucceeded;
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
                    arguments_of(each.at("schema")), printable(each.value("summary", ""))});
  }
  fmt::print("{}",
             table({"PRIMITIVE", "OFFERED", "ARGUMENTS", ""}, rows, table_width(STDOUT_FILENO)));
  return kSucceeded;
}

int primitive_send(const Context& context, const PrimitiveOptions& options) {
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
  if (!options.deadline.empty()) {
    const auto deadline = parse_duration(options.deadline);
    if (!deadline) return complain(context, kUsage, "--deadline: " + deadline.error().message);
    if (*deadline <= 0) return complain(context, kUsage, "--deadline: it must be above 0");
    request.deadline_us = *deadline;
  }
  if (const auto right = runtime::check_primitive(request); !right)
    return complain(context, kUsage, right.error().message);
  const auto run = find_run(context, options.run);
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
  std::vector<std::string> names;
  const json properties = schema_of(primitive).value("properties", json::object());
  for (const auto& property : properties.items()) names.push_back(property.key() + "=");
  return names;
}

}  // namespace scanflow::cli
