#include "engine/worker/cgroup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <system_error>
#include <vector>

#include "sdk/base/files.hpp"

namespace scanflow::worker {
namespace {

constexpr const char* kPrefix = "scanflow-";

/// Kernel files take one write of the whole value; not the atomic kind with a rename.
Result<void> put(const std::string& path, const std::string& value) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return fail(describe_errno("cannot open", path, errno));
  const bool written = ::write(fd, value.data(), value.size()) >= 0;
  const int error = errno;
  ::close(fd);
  if (!written) return fail(describe_errno("cannot write " + value + " to", path, error));
  return {};
}

std::uint64_t parse(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::uint64_t number_in(const std::string& path) {
  const auto text = read_file(path);
  return text ? parse(*text) : 0;
}

/// The value of "key value" lines.
std::uint64_t keyed_number(const std::string& path, std::string_view key) {
  const auto text = read_file(path);
  if (!text) return 0;
  std::istringstream lines(*text);
  std::string line;
  while (std::getline(lines, line)) {
    if (line.size() > key.size() && line.compare(0, key.size(), key) == 0 &&
        line[key.size()] == ' ') {
      return parse(std::string_view(line).substr(key.size() + 1));
    }
  }
  return 0;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  std::string part;
  std::istringstream stream{std::string(text)};
  while (std::getline(stream, part, separator)) parts.push_back(part);
  return parts;
}

bool has_word(std::string_view list, char separator, std::string_view word) {
  for (const std::string& item : split(list, separator)) {
    if (item == word) return true;
  }
  return false;
}

struct Mount {
  std::string root;  // the part of the hierarchy that is mounted
  std::string point;
};

/// The mount of the hierarchy: cgroup2, or cgroup with the memory controller.
std::optional<Mount> find_mount(std::string_view mounts, int version) {
  for (const std::string& line : split(mounts, '\n')) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const auto left = split(line.substr(0, dash), ' ');
    const auto right = split(line.substr(dash + 3), ' ');
    if (left.size() < 5 || right.size() < 3) continue;
    const bool match = version == 2 ? right[0] == "cgroup2"
                                    : right[0] == "cgroup" && has_word(right[2], ',', "memory");
    if (match) return Mount{left[3], left[4]};
  }
  return std::nullopt;
}

std::string join(const Mount& mount, std::string path) {
  if (mount.root != "/" && path.rfind(mount.root, 0) == 0) path = path.substr(mount.root.size());
  return path.empty() || path == "/" ? mount.point : mount.point + path;
}

/// v2: children may be limited only where no process is in the cgroup itself.
Result<void> make_room(const std::string& directory) {
  const std::string leaf = directory + "/" + kPrefix + "supervisor-" + std::to_string(::getpid());
  if (::mkdir(leaf.c_str(), 0755) != 0) return fail(describe_errno("cannot create", leaf, errno));
  if (auto moved = put(leaf + "/cgroup.procs", "0"); !moved) return moved;
  auto enabled = put(directory + "/cgroup.subtree_control", "+memory");
  if (!enabled) {
    put(directory + "/cgroup.procs", "0").or_else([](const Error&) {});
    ::rmdir(leaf.c_str());
  }
  return enabled;
}

}  // namespace

std::optional<CgroupPlace> place_of(std::string_view cgroups, std::string_view mounts) {
  std::optional<std::string> v1;
  std::optional<std::string> v2;
  for (const std::string& line : split(cgroups, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (has_word(controllers, ',', "memory")) v1 = line.substr(second + 1);
    if (controllers.empty() && line.compare(0, first, "0") == 0) v2 = line.substr(second + 1);
  }
  if (v1) {
    if (const auto mount = find_mount(mounts, 1)) return CgroupPlace{1, join(*mount, *v1)};
  } else if (v2) {
    if (const auto mount = find_mount(mounts, 2)) return CgroupPlace{2, join(*mount, *v2)};
  }
  return std::nullopt;
}

std::uint64_t Cgroup::oom_kills() const {
  return keyed_number(directory_ + (version_ == 1 ? "/memory.oom_control" : "/memory.events"),
                      "oom_kill");
}

std::uint64_t Cgroup::peak() const {
  return number_in(directory_ + (version_ == 1 ? "/memory.max_usage_in_bytes" : "/memory.peak"));
}

std::optional<Cgroup> container_cgroup() {
  std::error_code none;
  if (std::filesystem::exists("/sys/fs/cgroup/memory/memory.oom_control", none))
    return Cgroup(1, "/sys/fs/cgroup/memory");
  if (std::filesystem::exists("/sys/fs/cgroup/memory.events", none))
    return Cgroup(2, "/sys/fs/cgroup");
  return std::nullopt;
}

std::string cgroup_name(const std::string& attempt) {
  return fmt::format("{}{}-{}", kPrefix, ::getpid(), attempt);
}

bool Cgroup::remove() const { return ::rmdir(directory_.c_str()) == 0 || errno == ENOENT; }

Result<CgroupRoot> CgroupRoot::find() {
  const auto cgroups = read_file("/proc/self/cgroup");
  const auto mounts = read_file("/proc/self/mountinfo");
  if (!cgroups || !mounts) return fail("this system has no cgroups");
  const auto place = place_of(*cgroups, *mounts);
  if (!place) return fail("no cgroup has the memory controller");
  if (place->version == 2) {
    const auto controllers = read_file(place->directory + "/cgroup.controllers");
    if (!controllers || controllers->find("memory") == std::string::npos) {
      return fail("the memory controller is not delegated to " + place->directory);
    }
    if (auto room = make_room(place->directory); !room) return fail(room.error().message);
  }
  CgroupRoot root(place->version, place->directory);
  root.remove_leftovers();
  constexpr std::uint64_t kTrial = 16u << 20;
  const auto trial = root.create(cgroup_name("trial"), kTrial);
  if (!trial) return fail(trial.error().message);
  trial->remove();
  return root;
}

Result<Cgroup> CgroupRoot::create(const std::string& name, std::uint64_t limit) const {
  const std::string directory = directory_ + "/" + name;
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
    return fail(describe_errno("cannot create", directory, errno));
  }
  Cgroup cgroup(version_, directory);
  const std::string value = std::to_string(limit);
  Result<void> limited;
  if (version_ == 1) {
    limited = put(directory + "/memory.limit_in_bytes", value);
    // Swap counts too, where it is accounted.
    if (limited && ::access((directory + "/memory.memsw.limit_in_bytes").c_str(), W_OK) == 0) {
      limited = put(directory + "/memory.memsw.limit_in_bytes", value);
    }
  } else {
    limited = put(directory + "/memory.max", value);
    for (const auto& [file, text] :
         {std::pair{"/memory.swap.max", "0"}, std::pair{"/memory.oom.group", "1"}}) {
      if (limited && ::access((directory + file).c_str(), W_OK) == 0) {
        limited = put(directory + file, text);
      }
    }
  }
  if (!limited) {
    cgroup.remove();
    return fail(limited.error().message);
  }
  return cgroup;
}

void CgroupRoot::remove_leftovers() const {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    const std::string name = entry.path().filename();
    if (name.rfind(kPrefix, 0) != 0) continue;
    // Those of a living supervisor stay, also before the attempt has entered.
    const pid_t owner = std::atoi(name.c_str() + std::string_view(kPrefix).size());
    if (owner > 0 && owner != ::getpid() && ::kill(owner, 0) == 0) continue;
    ::rmdir(entry.path().c_str());
  }
}

}  // namespace scanflow::worker
