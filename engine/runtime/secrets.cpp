#include "engine/runtime/secrets.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "sdk/base/files.hpp"

namespace scanflow::runtime {
namespace {

constexpr std::size_t kMostBytes = 64u << 10;  // as the worker has it

Result<std::string> from_file(const std::string& file, const std::string& directory) {
  const std::string path = (std::filesystem::path(directory) / file).string();
  auto value = read_regular_file(path, kMostBytes + 1);  // and the end of the line
  if (!value) return fail(value.error().message + "; put the secret there");
  if (value->ends_with("\r\n")) value->pop_back();
  if (value->ends_with('\n') || value->ends_with('\r')) value->pop_back();
  if (value->empty()) return fail(path + " is empty; put the secret there");
  if (value->find('\0') != std::string::npos) {
    return fail(path + " holds a NUL byte, which no environment variable can; encode it (base64)");
  }
  return value;
}

/// Each pipeline once, those that are called after their callers.
void visit(const pipeline::Pipeline& pipeline,
           const std::function<bool(const pipeline::Step&)>& wanted,
           const std::function<void(const pipeline::Pipeline&, const pipeline::Step&)>& call,
           std::set<const pipeline::Pipeline*>& seen) {
  if (!seen.insert(&pipeline).second) return;
  std::vector<const pipeline::Pipeline*> called;
  for (const pipeline::Step& step : pipeline.steps) {
    if (wanted && !wanted(step)) continue;
    if (step.uses == "pipeline") called.push_back(pipeline.calls.at(step.call).get());
    if (takes_secrets(step)) call(pipeline, step);
  }
  for (const pipeline::Pipeline* each : called) visit(*each, {}, call, seen);
}

}  // namespace

Result<std::string> find_secret(const pipeline::Secret& secret, const Environment& environment,
                                const std::string& directory) {
  if (!secret.name.empty()) return std::string();
  if (secret.env.empty()) return from_file(secret.file, directory);
  const auto found = environment.find(secret.env);
  if (found != environment.end() && !found->second.empty()) return found->second;
  return fail(fmt::format(
      "the environment variable {0} is {1}; start the run, or go on with it, where it is set "
      "({0}=... scanflow ...); a server's runs find what the server was started with",
      secret.env, found == environment.end() ? "not set" : "empty"));
}

bool takes_secrets(const pipeline::Step& step) {
  return !step.uses.empty() && step.uses != "noop" && step.uses != "pipeline";
}

std::vector<std::string> missing_secrets(const pipeline::Pipeline& pipeline,
                                         const Environment& environment,
                                         const std::string& directory,
                                         const std::function<bool(const pipeline::Step&)>& wanted) {
  std::vector<std::string> missing;
  std::set<const pipeline::Pipeline*> seen;
  const auto look = [&](const pipeline::Pipeline& of, const pipeline::Step& step) {
    for (const auto& [name, secret] : step.secrets) {
      const auto found = find_secret(secret, environment, directory);
      if (found) continue;
      const auto place = step.field_at.find("/secrets/" + name);
      const pipeline::Location at = place != step.field_at.end() ? place->second : step.at;
      missing.push_back(fmt::format("{}:{}:{}: error: step '{}' needs the secret {}, and {}",
                                    of.file, at.line, at.column, step.name, name,
                                    found.error().message));
    }
  };
  visit(pipeline, wanted, look, seen);
  return missing;
}

std::string render_missing(const std::vector<std::string>& missing, const std::string& then) {
  return fmt::format("{}\n{} error{}; {}", fmt::join(missing, "\n"), missing.size(),
                     missing.size() == 1 ? "" : "s", then);
}

std::set<std::string> secret_variables(const pipeline::Pipeline& pipeline) {
  std::set<std::string> variables;
  std::set<const pipeline::Pipeline*> seen;
  const auto look = [&](const pipeline::Pipeline&, const pipeline::Step& step) {
    for (const auto& [name, secret] : step.secrets) {
      if (!secret.env.empty()) variables.insert(secret.env);
    }
  };
  visit(pipeline, {}, look, seen);
  return variables;
}

}  // namespace scanflow::runtime
