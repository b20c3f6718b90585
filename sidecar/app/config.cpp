#include "sidecar/app/config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <string_view>

#include "sdk/base/files.hpp"
#include "sdk/base/units.hpp"
#include "sidecar/collect/rule.hpp"

namespace scanflow::sidecar {
namespace {

struct Variable {
  const char* name;
  const char* help;
};

constexpr std::array kVariables = {
    Variable{"SCANFLOW_HUB", "the hub: ipc:///path or tcp://host:port (with the three keys)"},
    Variable{"SCANFLOW_HUB_KEY", "its public key (Z85)"},
    Variable{"SCANFLOW_KEY", "the sidecar's public key (Z85)"},
    Variable{"SCANFLOW_SECRET_KEY_FILE", "a file with its secret key (Z85)"},
    Variable{"SCANFLOW_SECRET_KEY", "that key itself, in place of a file"},
    Variable{
        "SCANFLOW_TOKEN_FILE",
        "a file with a ServiceAccount's token, where those keys are a namespace's; read each time"},
    Variable{"SCANFLOW_POD_UID", "of the Pod; 'local' on the local backend"},
    Variable{"SCANFLOW_POD_NAME", "what people call it; left out: the uid"},
    Variable{"SCANFLOW_SIDECAR_DIR", "where it keeps what the hub does not have yet"},
    Variable{"SCANFLOW_SIDECAR_SOCKET", "the Unix socket where launchers connect"},
    Variable{
        "SCANFLOW_WORKER_SOCKET",
        "the Unix socket of this Pod's worker, which runs what the hub orders; left out: none"},
    Variable{"SCANFLOW_BULK",
             "the hub's other endpoint, for files; needed with a worker, else left out: no command "
             "brings any"},
    Variable{"SCANFLOW_STEP_SECRETS",
             "variables that what the hub orders gets, of SCANFLOW_STEP_SECRET_...; with ':'"},
    Variable{"SCANFLOW_SOCKET_FOR_ALL", "1: those of any user may, who see the socket's directory"},
    Variable{"SCANFLOW_ADMIN", "127.0.0.1:4191, for /ready, /live, /metrics; left out: none"},
    Variable{"SCANFLOW_ADMIN_SHUTDOWN", "1: POST /shutdown ends it"},
    Variable{"SCANFLOW_ENDS_ALONE", "1: it ends when no launcher is there any more"},
    Variable{"SCANFLOW_GRACE", "after SIGTERM, for what the hub does not have yet; left out: 10s"},
    Variable{"SCANFLOW_VOLUMES", "paths whose space is watched, separated by ':'"},
    Variable{"SCANFLOW_RULES",
             "local rules for every attempt, a line each; left out: a checkpoint ahead of an OOM"},
    Variable{"SCANFLOW_GPU", "1: GPUs are looked at, where NVML can be loaded"},
};

/// Ahead of an OOM, in time for a checkpoint.
constexpr const char* kAheadOfOom = "memory_used_ratio > 95% rising -> checkpoint";

class Reader {
 public:
  explicit Reader(const Lookup& lookup) : lookup_(lookup) {}

  std::string text(const char* name, const std::string& otherwise = "") const {
    const char* value = lookup_(name);
    return value == nullptr ? otherwise : std::string(value);
  }
  std::string needed(const char* name) {
    std::string value = text(name);
    if (value.empty()) problem(name, "is not set");
    return value;
  }
  std::string path(const char* name) {
    std::string value = needed(name);
    if (!value.empty() && !value.starts_with('/'))
      problem(name, fmt::format("must be an absolute path, not '{}'", value));
    return value;
  }
  bool flag(const char* name) {
    const std::string value = text(name, "0");
    if (value != "0" && value != "1") problem(name, fmt::format("is 0 or 1, not '{}'", value));
    return value == "1";
  }
  std::vector<std::string> list(const char* name, char separator,
                                const std::string& otherwise = "") const {
    std::vector<std::string> parts;
    const std::string all = text(name, otherwise);
    for (std::size_t begin = 0; begin <= all.size();) {
      const std::size_t end = std::min(all.find(separator, begin), all.size());
      if (end > begin) parts.push_back(all.substr(begin, end - begin));
      begin = end + 1;
    }
    return parts;
  }
  void problem(const char* name, std::string_view what) {
    problems_.push_back(fmt::format("{} {}", name, what));
  }
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  const Lookup& lookup_;
  std::vector<std::string> problems_;
};

std::string read_endpoint(Reader& reader, const char* name) {
  std::string endpoint = reader.needed(name);
  if (!endpoint.empty() && !endpoint.starts_with("tcp://") && !endpoint.starts_with("ipc:///"))
    reader.problem(name, fmt::format("must begin with ipc:/// or tcp://, not '{}'", endpoint));
  return endpoint;
}

constexpr std::size_t kKey = 40;  // characters of Z85

void read_secret_key(Reader& reader, link::DealerOptions& hub) {
  hub.secret_key = reader.text("SCANFLOW_SECRET_KEY");
  if (!hub.secret_key.empty()) {
    if (hub.secret_key.size() != kKey)
      reader.problem("SCANFLOW_SECRET_KEY", "is no Z85 key (40 characters)");
    return;
  }
  const std::string file = reader.path("SCANFLOW_SECRET_KEY_FILE");
  auto key = read_file(file, 64);
  if (!key) return reader.problem("SCANFLOW_SECRET_KEY_FILE", key.error().message);
  hub.secret_key = std::move(*key);
  while (hub.secret_key.ends_with('\n')) hub.secret_key.pop_back();
  if (hub.secret_key.size() != kKey)
    reader.problem("SCANFLOW_SECRET_KEY_FILE", "holds no Z85 key (40 characters)");
}

void read_hub(Reader& reader, link::DealerOptions& hub) {
  hub.endpoint = read_endpoint(reader, "SCANFLOW_HUB");
  if (!hub.endpoint.starts_with("tcp://")) return;
  hub.hub_key = reader.needed("SCANFLOW_HUB_KEY");
  hub.public_key = reader.needed("SCANFLOW_KEY");
  read_secret_key(reader, hub);
  if (!hub.hub_key.empty() && hub.hub_key.size() != kKey)
    reader.problem("SCANFLOW_HUB_KEY", "is no Z85 key (40 characters)");
  if (!hub.public_key.empty() && hub.public_key.size() != kKey)
    reader.problem("SCANFLOW_KEY", "is no Z85 key (40 characters)");
}

}  // namespace

Result<Config> read_config(const Lookup& lookup) {
  Reader reader(lookup);
  Config config;
  read_hub(reader, config.hub);
  config.pod_uid = reader.needed("SCANFLOW_POD_UID");
  config.pod_name = reader.text("SCANFLOW_POD_NAME", config.pod_uid);
  config.directory = reader.path("SCANFLOW_SIDECAR_DIR");
  config.socket = reader.path("SCANFLOW_SIDECAR_SOCKET");
  if (!reader.text("SCANFLOW_WORKER_SOCKET").empty()) {
    config.worker = reader.path("SCANFLOW_WORKER_SOCKET");
    for (const std::string& name : reader.list("SCANFLOW_STEP_SECRETS", ':'))
      config.secrets[name] = reader.text(("SCANFLOW_STEP_SECRET_" + name).c_str());
  }
  if (!config.worker.empty() || !reader.text("SCANFLOW_BULK").empty())
    config.bulk = read_endpoint(reader, "SCANFLOW_BULK");
  config.socket_for_all = reader.flag("SCANFLOW_SOCKET_FOR_ALL");
  if (!reader.text("SCANFLOW_TOKEN_FILE").empty())
    config.token_file = reader.path("SCANFLOW_TOKEN_FILE");
  config.admin = reader.text("SCANFLOW_ADMIN");
  config.admin_shutdown = reader.flag("SCANFLOW_ADMIN_SHUTDOWN");
  config.ends_alone = reader.flag("SCANFLOW_ENDS_ALONE");
  config.gpu = reader.flag("SCANFLOW_GPU");
  config.volumes = reader.list("SCANFLOW_VOLUMES", ':');
  config.rules = reader.list("SCANFLOW_RULES", '\n', kAheadOfOom);
  if (const auto grace = parse_duration(reader.text("SCANFLOW_GRACE", "10s"))) {
    config.grace_us = *grace;
  } else {
    reader.problem("SCANFLOW_GRACE", grace.error().message);
  }
  for (const std::string& rule : config.rules) {
    if (const auto read = collect::parse_rule(rule); !read)
      reader.problem("SCANFLOW_RULES", read.error().message);
  }
  if (reader.problems().empty()) return config;
  return fail(fmt::format("{}", fmt::join(reader.problems(), "; ")));
}

std::string config_help() {
  std::string text;
  for (const Variable& variable : kVariables)
    text += fmt::format("  {:<26} {}\n", variable.name, variable.help);
  return text;
}

}  // namespace scanflow::sidecar
