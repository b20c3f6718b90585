#include "engine/worker/processes.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <unordered_map>

#include "sdk/base/unique_fd.hpp"

namespace scanflow::worker {
namespace {

std::string read_small(const char* path, std::size_t limit) {
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!fd) return text;
  std::array<char, 4096> buffer;
  ssize_t n = 0;
  while (text.size() < limit && (n = ::read(fd.get(), buffer.data(), buffer.size())) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return text;
}

std::string_view next_word(std::string_view& rest) {
  const std::size_t begin = rest.find_first_not_of(' ');
  if (begin == std::string_view::npos) return rest = {};
  const std::size_t end = std::min(rest.find(' ', begin), rest.size());
  const std::string_view word = rest.substr(begin, end - begin);
  rest.remove_prefix(end);
  return word;
}

template <class T>
T number(std::string_view text) {
  T value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

std::optional<Process> parse_stat(std::string_view line) {
  const std::size_t name_end = line.rfind(')');  // a program's name may hold anything
  if (name_end == std::string_view::npos) return std::nullopt;
  static const auto kPage = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  Process process;
  process.pid = number<pid_t>(line.substr(0, line.find(' ')));
  std::string_view rest = line.substr(name_end + 1);
  const std::string_view state = next_word(rest);
  if (process.pid == 0 || state.empty()) return std::nullopt;
  process.state = state.front();
  process.parent = number<pid_t>(next_word(rest));
  process.group = number<pid_t>(next_word(rest));
  process.session = number<pid_t>(next_word(rest));
  constexpr int kFieldsUpToStart = 15;  // fields 7 to 21 of proc(5)
  for (int i = 0; i < kFieldsUpToStart; ++i) next_word(rest);
  process.started = number<std::uint64_t>(next_word(rest));
  next_word(rest);  // size in memory and swap
  process.rss = number<std::uint64_t>(next_word(rest)) * kPage;
  return process;
}

std::vector<Process> all_processes() {
  std::vector<Process> result;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
  if (!proc) return result;
  while (const dirent* entry = ::readdir(proc.get())) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    const std::string path = fmt::format("/proc/{}/stat", entry->d_name);
    if (const auto process = parse_stat(read_small(path.c_str(), 4096))) result.push_back(*process);
  }
  return result;
}

std::vector<std::vector<Process>> families(const std::vector<Process>& all,
                                           const std::vector<pid_t>& leaders) {
  std::unordered_map<pid_t, const Process*> by_pid;
  for (const Process& process : all) by_pid.emplace(process.pid, &process);
  std::unordered_map<pid_t, std::size_t> index;
  for (std::size_t i = 0; i < leaders.size(); ++i) index.emplace(leaders[i], i);

  std::vector<std::vector<Process>> result(leaders.size());
  for (const Process& process : all) {
    if (process.state == 'Z') continue;
    const Process* at = &process;
    for (std::size_t hops = 0; at != nullptr && hops < all.size(); ++hops) {
      const auto session = index.find(at->session);
      if (session != index.end()) {
        result[session->second].push_back(process);
        break;
      }
      const auto parent = by_pid.find(at->parent);
      at = parent == by_pid.end() ? nullptr : parent->second;
    }
  }
  return result;
}

std::string environment_of(pid_t pid, std::string_view name) {
  const std::string text = read_small(fmt::format("/proc/{}/environ", pid).c_str(), 1 << 20);
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\0'), rest.size());
    const std::string_view entry = rest.substr(0, end);
    if (entry.size() > name.size() && entry.substr(0, name.size()) == name &&
        entry[name.size()] == '=') {
      return std::string(entry.substr(name.size() + 1));
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

std::int64_t cpu_us_of(const rusage& usage) {
  const auto us = [](const timeval& time) {
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000 + time.tv_usec;
  };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

pid_t last_pid() {
  static const UniqueFd loadavg(::open("/proc/loadavg", O_RDONLY | O_CLOEXEC));
  std::array<char, 256> buffer;
  const ssize_t n = ::pread(loadavg.get(), buffer.data(), buffer.size(), 0);
  const std::string_view text(buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  const std::size_t space = text.rfind(' ');
  return space == std::string::npos ? 0 : number<pid_t>(text.substr(space + 1));
}

}  // namespace scanflow::worker
