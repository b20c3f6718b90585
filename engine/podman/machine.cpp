#include "engine/podman/machine.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/podman/process.hpp"
#include "sdk/base/files.hpp"

namespace scanflow::podman {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDistribution = "/usr/share/containers/containers.conf";

bool raises_limits() {
  const std::string status = read_file("/proc/self/status").value_or("");
  const auto at = status.find("CapEff:\t");
  if (at == std::string::npos) return false;
  constexpr unsigned kSysResource = 24;
  return (std::strtoull(status.c_str() + at + 8, nullptr, 16) >> kSysResource & 1) != 0;
}

std::uint64_t hard_limit(__rlimit_resource which) {
  rlimit limit{};
  return ::getrlimit(which, &limit) == 0 ? limit.rlim_max : 0;  // RLIM_INFINITY is the greatest
}

/// podman lowers its own limit of processes to this, and then cannot give more.
std::uint64_t most_processes() {
  const std::string text = read_file("/proc/sys/kernel/pid_max").value_or("");
  const std::uint64_t most = std::strtoull(text.c_str(), nullptr, 10);
  return most > 0 ? most : RLIM_INFINITY;
}

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// As podman reads them: one that CONTAINERS_CONF names stands alone; the user's only without root.
std::vector<std::string> configuration_files(bool rootless) {
  if (const std::string only = from_environment("CONTAINERS_CONF"); !only.empty()) return {only};
  std::vector<std::string> found;
  std::error_code error;
  const auto add = [&](const fs::path& file) {
    if (fs::is_regular_file(file, error)) found.push_back(file.string());
  };
  const auto add_all = [&](const fs::path& directory) {
    for (fs::directory_iterator each(directory, error), end; !error && each != end;
         each.increment(error)) {
      if (each->path().extension() == ".conf") add(each->path());
    }
  };
  add("/etc/containers/containers.conf");
  add_all("/etc/containers/containers.conf.d");
  if (rootless) {
    const std::string home = from_environment("XDG_CONFIG_HOME");
    const fs::path directory =
        home.empty() ? fs::path(from_environment("HOME")) / ".config" : fs::path(home);
    add(directory / "containers/containers.conf");
    add_all(directory / "containers/containers.conf.d");
  }
  return found;
}

bool sets_ulimits(const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    const std::string text = "\n" + read_file(file, kMostText).value_or("");
    if (text.find("\ndefault_ulimits") != std::string::npos) return true;
  }
  return false;
}

std::vector<std::string> names_of_images(const std::string& printed) {
  std::vector<std::string> names;
  const nlohmann::json list = nlohmann::json::parse(printed, nullptr, false);
  if (!list.is_array()) return names;
  for (const nlohmann::json& image : list) {
    for (const nlohmann::json& name : image.value("Names", nlohmann::json::array())) {
      if (name.is_string()) names.push_back(name.get<std::string>());
    }
  }
  return names;
}

}  // namespace

Answer<Facts> look(const std::string& program, const std::stop_token& stop) {
  const auto ask = [&](std::vector<std::string> words) -> Answer<std::string> {
    Invocation command;
    command.argv = {program};
    command.argv.insert(command.argv.end(), words.begin(), words.end());
    auto ended = run(command, stop);
    if (!ended) return tl::unexpected(ended.error());
    if (ended->status != 0) {
      return tl::unexpected(explain(fmt::format("answer podman {}", words.front()), ended->err));
    }
    return ended->out;
  };
  const auto info = ask({"info", "--format", "json"});
  if (!info) return tl::unexpected(info.error());
  auto read = read_info(*info);
  if (!read) return refuse(Refusal::other, read.error().message);
  Facts facts = std::move(*read);
  facts.service = from_environment("CONTAINER_HOST");
  const auto images = ask({"images", "--format", "json"});
  if (!images) return tl::unexpected(images.error());
  facts.images = names_of_images(*images);
  facts.cgroup_hybrid =
      facts.cgroup_version == 1 && fs::exists("/sys/fs/cgroup/unified/cgroup.controllers");
  facts.raises_limits = raises_limits();
  facts.opens_tun = ::access("/dev/net/tun", R_OK | W_OK) == 0;
  facts.open_files = hard_limit(RLIMIT_NOFILE);
  facts.processes = std::min(hard_limit(RLIMIT_NPROC), most_processes());
  for (const char* each : kPrograms) facts.programs[each] = find_program(each);
  facts.configuration = configuration_files(facts.rootless);
  facts.sets_ulimits = sets_ulimits(facts.configuration);
  facts.distribution = read_file(kDistribution, kMostText).value_or("");
  return facts;
}

}  // namespace scanflow::podman
