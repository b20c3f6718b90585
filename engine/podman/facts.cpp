#include "engine/podman/facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace scanflow::podman {
namespace {

using nlohmann::json;

/// What podman sets as root where no file says otherwise; of both limits.
constexpr std::uint64_t kPodmansLimit = 1'048'576;

std::string text_at(const json& document, const char* path) {
  const json::json_pointer pointer(path);
  return document.contains(pointer) && document[pointer].is_string()
             ? document[pointer].get<std::string>()
             : "";
}

bool flag_at(const json& document, const char* path) {
  const json::json_pointer pointer(path);
  return document.contains(pointer) && document[pointer].is_boolean() &&
         document[pointer].get<bool>();
}

bool limits_refused(const Facts& facts) {
  return !facts.rootless && !facts.raises_limits &&
         (facts.open_files < kPodmansLimit || facts.processes < kPodmansLimit);
}

/// A line of TOML into its table, which is made where there is none.
std::string with_line(std::string text, std::string_view table, const std::string& line) {
  const std::string header = fmt::format("[{}]\n", table);
  const auto at = text.starts_with(header) ? 0 : text.find("\n" + header);
  if (at == std::string::npos) return fmt::format("{}\n{}{}\n", text, header, line);
  const std::size_t after = at + header.size() + (text.starts_with(header) ? 0 : 1);
  return text.insert(after, line + "\n");
}

}  // namespace

Result<Facts> read_info(std::string_view text) {
  const json document = json::parse(text, nullptr, false);
  if (document.is_discarded() || !document.is_object()) {
    return fail(fmt::format("podman info did not print JSON, but: {}", text.substr(0, 200)));
  }
  Facts facts;
  facts.version = text_at(document, "/version/Version");
  facts.hostname = text_at(document, "/host/hostname");
  facts.rootless = flag_at(document, "/host/security/rootless");
  facts.remote = flag_at(document, "/host/serviceIsRemote");
  facts.runtime = text_at(document, "/host/ociRuntime/name");
  facts.cgroup_version = text_at(document, "/host/cgroupVersion") == "v2" ? 2 : 1;
  facts.cgroup_manager = text_at(document, "/host/cgroupManager");
  facts.network_backend = text_at(document, "/host/networkBackend");
  facts.storage_driver = text_at(document, "/store/graphDriverName");
  facts.storage_root = text_at(document, "/store/graphRoot");
  const json::json_pointer controllers("/host/cgroupControllers");
  if (document.contains(controllers) && document[controllers].is_array()) {
    for (const json& each : document[controllers]) {
      if (each.is_string()) facts.cgroup_controllers.push_back(each.get<std::string>());
    }
  }
  return facts;
}

Settings settings_for(const Facts& facts) {
  Settings settings;
  for (const char* each : {"memory", "cpu", "pids"}) {
    if (!facts.controls(each)) settings.unlimited.emplace_back(each);
  }
  if (facts.remote) return settings;  // the service has its own
  // So that a few containers that have all of theirs leave some to the machine.
  constexpr std::uint64_t kMostProcesses = 4096, kShare = 4;
  if (facts.controls("pids")) {
    settings.processes =
        facts.processes == 0 ? kMostProcesses : std::min(kMostProcesses, facts.processes / kShare);
  }
  if (facts.runtime == "crun" && facts.cgroup_version == 1 && facts.cgroup_hybrid &&
      facts.has("runc")) {
    settings.runtime = "runc";
  }
  if (limits_refused(facts) && facts.configuration.empty()) {
    settings.containers_conf =
        with_line(facts.distribution, "containers",
                  fmt::format("default_ulimits = [\"nofile={0}:{0}\", \"nproc={1}:{1}\"]",
                              std::min(facts.open_files, kPodmansLimit),
                              std::min(facts.processes, kPodmansLimit)));
  }
  return settings;
}

}  // namespace scanflow::podman
