#include "engine/worker/command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <unordered_set>

#include "engine/worker/spawn.hpp"

namespace scanflow::worker {
namespace {

using nlohmann::json;

// One string of argv or the environment may have at most 128 KiB (the kernel's MAX_ARG_STRLEN).
constexpr std::size_t kMaxScriptInArgv = 100u << 10;
constexpr std::size_t kMaxParamInEnv = 64u << 10;
constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string variable(std::string_view prefix, std::string_view name) {
  std::string result(prefix);
  for (const char c : name) {
    const bool lower = c >= 'a' && c <= 'z';
    const bool plain = lower || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    result += lower ? static_cast<char>(c - 'a' + 'A') : plain ? c : '_';
  }
  return result;
}

/// How a value of the pipeline reads as an argument or variable.
std::string as_text(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool reserved(const std::string& key) {
  return key == "argv" || key == "run" || key == "shell" || key == "cwd";
}

Result<void> set_argv(const json& config, const CommandFiles& files, Command& command) {
  const auto argv = config.find("argv");
  const auto run = config.find("run");
  if ((argv == config.end()) == (run == config.end())) {
    return fail("a command needs either 'argv' (a list) or 'run' (a script)");
  }
  if (argv != config.end()) {
    if (!argv->is_array() || argv->empty()) {
      return fail("argv must be a list: the program and its arguments");
    }
    for (const json& item : *argv) command.argv.push_back(as_text(item));
    return {};
  }
  if (!run->is_string()) return fail("run must be a string: the script");
  const std::string shell = config.value("shell", std::string("bash"));
  const std::string script = run->get<std::string>();
  command.argv = {shell, "-e"};
  if (script.size() > kMaxScriptInArgv) {
    command.script = script;
    command.argv.push_back(files.script);
  } else {
    command.argv.insert(command.argv.end(), {"-c", script});
  }
  return {};
}

Result<void> set_cwd(const json& config, const protocol::Request& request,
                     const CommandFiles& files, Command& command) {
  command.cwd = request.cwd.empty() ? files.scratch : request.cwd;
  const auto cwd = config.find("cwd");
  if (cwd == config.end()) return {};
  if (!cwd->is_string()) return fail("cwd must be a string: a directory");
  const auto& path = cwd->get_ref<const std::string&>();
  if (!path.empty() && path.front() == '/') {
    command.cwd = path;
  } else if (!path.empty()) {
    command.cwd += "/" + path;
  }
  return {};
}

std::map<std::string, std::string> variables(const json& config, const protocol::Request& request,
                                             const CommandFiles& files, Command& command) {
  std::map<std::string, std::string> result;
  result["OMP_NUM_THREADS"] = std::to_string(std::max(request.threads, 1u));
  json params = json::object();
  for (const auto& [key, value] : config.items()) {
    if (reserved(key)) continue;
    params[key] = value;
    std::string text = as_text(value);
    if (text.size() <= kMaxParamInEnv && text.find('\0') == std::string::npos) {
      result[variable("SCANFLOW_PARAM_", key)] = std::move(text);
    }
  }
  if (!params.empty()) {
    command.params = params.dump(-1, ' ', false, json::error_handler_t::replace);
  }
  for (const protocol::Input& input : request.inputs) {
    result[variable("SCANFLOW_INPUT_", input.name)] = input.path;
  }
  result["SCANFLOW_PARAMS"] = files.params;
  result["SCANFLOW_OUTPUT"] = files.output;
  result["SCANFLOW_METRICS"] = files.metrics;
  result["SCANFLOW_ARTIFACTS"] = files.artifacts;
  result["SCANFLOW_CHECKPOINTS"] = request.checkpoints;
  result["SCANFLOW_SOCKET"] = files.socket;
  result["SCANFLOW_RUN"] = request.id.run;
  result["SCANFLOW_STEP"] = request.id.step;
  result["SCANFLOW_ATTEMPT"] = std::to_string(request.id.attempt);
  result["SCANFLOW_SLOT"] = files.directory;  // whose it is, should all else be forgotten
  result["SCANFLOW_THREADS"] = std::to_string(std::max(request.threads, 1u));
  return result;
}

/// The base with `added` over it; a variable of the step wins over both, a secret over that.
std::vector<std::string> command_environment(const std::vector<std::string>& base,
                                             std::map<std::string, std::string> added,
                                             const protocol::Request& request) {
  std::map<std::string, std::string> with_secrets = request.secrets;
  if (!with_secrets.empty()) with_secrets.insert(request.env.begin(), request.env.end());
  const auto& own = with_secrets.empty() ? request.env : with_secrets;
  std::vector<std::string> result;
  result.reserve(base.size() + added.size() + own.size());
  for (const std::string& entry : base) {
    const std::string name = entry.substr(0, entry.find('='));
    if (own.count(name) != 0) continue;
    if (name == "OMP_NUM_THREADS") added.erase(name);  // the user's choice
    if (added.count(name) == 0) result.push_back(entry);
  }
  for (const auto& [name, value] : own) result.push_back(name + "=" + value);
  for (const auto& [name, value] : added) {
    if (own.count(name) == 0) result.push_back(name + "=" + value);
  }
  return result;
}

std::string path_of(const std::vector<std::string>& env) {
  for (const std::string& entry : env) {
    if (entry.rfind("PATH=", 0) == 0) return entry.substr(5);
  }
  return std::string(kDefaultPath);
}

Result<void> check_strings(const Command& command) {
  for (const std::string& text : command.argv) {
    if (text.find('\0') != std::string::npos) {
      return fail("an argument holds a NUL byte; programs cannot receive one");
    }
  }
  return {};
}

}  // namespace

Result<Command> make_command(const protocol::Request& request, const CommandFiles& files,
                             const std::vector<std::string>& base, ProgramFinder& programs) {
  const json config = json::parse(request.config, nullptr, false);
  if (!config.is_object()) return fail("the configuration of a command must be a JSON object");
  if (config.contains("shell") && !config["shell"].is_string()) {
    return fail("shell must be a string: the program that runs the script");
  }
  Command command;
  if (auto set = set_argv(config, files, command); !set) return fail(set.error().message);
  if (auto set = set_cwd(config, request, files, command); !set) return fail(set.error().message);
  if (auto good = check_strings(command); !good) return fail(good.error().message);
  command.env = command_environment(base, variables(config, request, files, command), request);
  auto file = programs.find(command.argv.front(), path_of(command.env), command.cwd);
  if (!file) return fail(file.error().message);
  command.file = std::move(*file);
  return command;
}

}  // namespace scanflow::worker
