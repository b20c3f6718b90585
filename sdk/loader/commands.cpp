#include "sdk/loader/commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sdk/base/nearest.hpp"
#include "sdk/loader/schema.hpp"

namespace scanflow::loader {

namespace {

constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxSummary = 200;

bool is_command_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && name.front() >= 'a' && name.front() <= 'z' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
         });
}

/// Bytes that are not UTF-8 are replaced.
std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<json> read_command(const json& said) {
  if (!said.is_object()) return fail("a command must be an object with a name");
  const auto name = said.find("name");
  if (name == said.end() || !name->is_string() ||
      !is_command_name(name->get_ref<const std::string&>())) {
    return fail(
        fmt::format("{:.80} cannot name a command: use lower-case letters, digits, '-' and "
                    "'_', beginning with a letter, at most {}",
                    name == said.end() ? "nothing" : text_of(*name), kMaxName));
  }
  const auto where = fmt::format("the command {}", name->get_ref<const std::string&>());
  json command = {{"name", *name},
                  {"summary", said.value("summary", json(""))},
                  {"schema", said.value("schema", json{{"type", "object"}})}};
  const auto& summary = command["summary"];
  if (!summary.is_string() || summary.get_ref<const std::string&>().size() > kMaxSummary) {
    return fail(
        fmt::format("{}: its summary must be text of at most {} bytes", where, kMaxSummary));
  }
  const auto& schema = command["schema"];
  if (auto good = check_schema(schema); !good) {
    return fail(fmt::format("{}: its schema is not valid at {}", where, good.error().message));
  }
  if (schema.value("type", json()) != "object") {
    return fail(fmt::format("{}: its schema must be of type object", where));
  }
  return command;
}

}  // namespace

Result<json> parse_bounded(std::string_view text) {
  if (text.size() > kMaxCommandText) {
    return fail(fmt::format("{} bytes; at most {} are read", text.size(), kMaxCommandText));
  }
  bool deep = false;
  // A value below the limit is not built, so that nothing deep is ever walked.
  const auto keep = [&](int depth, json::parse_event_t, const json&) {
    deep = deep || depth > kMaxCommandDepth;
    return depth <= kMaxCommandDepth;
  };
  json document = json::parse(text, keep, false);
  if (deep) return fail(fmt::format("nested deeper than {} levels", kMaxCommandDepth));
  if (document.is_discarded()) return fail("not JSON");
  return document;
}

Result<json> read_commands(const json& list) {
  if (!list.is_array()) return fail("not a list of commands");
  if (list.size() > kMaxCommands) {
    return fail(fmt::format("{} commands; at most {} are read", list.size(), kMaxCommands));
  }
  json commands = json::array();
  for (const auto& said : list) {
    auto command = read_command(said);
    if (!command) return command;
    const auto& name = (*command)["name"].get_ref<const std::string&>();
    if (find_command(commands, name) != nullptr) {
      return fail(fmt::format("there are two commands {}", name));
    }
    commands.push_back(std::move(*command));
  }
  return commands;
}

Result<json> parse_commands(std::string_view text) {
  auto list = parse_bounded(text);
  return list ? read_commands(*list) : list;
}

const json* find_command(const json& commands, std::string_view name) {
  const auto found = std::find_if(commands.begin(), commands.end(), [&](const json& command) {
    return command["name"].get_ref<const std::string&>() == name;
  });
  return found == commands.end() ? nullptr : &*found;
}

std::vector<std::string> command_names(const json& commands) {
  std::vector<std::string> names;
  for (const auto& command : commands) names.push_back(command["name"]);
  return names;
}

Result<json> read_arguments(const json& command, std::string_view text) {
  auto arguments = text.empty() ? Result<json>(json::object()) : parse_bounded(text);
  if (!arguments) return fail("the arguments: " + arguments.error().message);
  if (!arguments->is_object()) return fail("the arguments must be a JSON object");
  std::string problems;
  for (const auto& problem : validate(command["schema"], *arguments)) {
    problems += fmt::format("{}arguments{}: {}", problems.empty() ? "" : "\n", problem.pointer,
                            problem.message);
  }
  if (!problems.empty()) return fail(problems);
  return arguments;
}

CommandAnswer command_failed(std::string_view why) {
  return {"FAILED", text_of({{"message", why}})};
}

CommandAnswer command_unsupported(std::string_view name, const json& commands) {
  const auto names = command_names(commands);
  const auto near = nearest(std::string(name), names);
  const auto message =
      names.empty() ? fmt::format("the step offers no command, so no '{}'", name)
                    : fmt::format("the step does not offer '{}'{}; it offers {}", name,
                                  near.empty() ? "" : fmt::format("; did you mean '{}'?", near),
                                  fmt::join(names, ", "));
  return {"UNSUPPORTED", text_of({{"message", message}, {"offers", names}})};
}

}  // namespace scanflow::loader
