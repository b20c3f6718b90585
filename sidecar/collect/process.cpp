#include "sidecar/collect/process.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "sidecar/collect/text.hpp"

namespace scanflow::collect {
namespace {

std::optional<std::uint64_t> kilobytes_after(std::string_view text, std::string_view key) {
  const auto number = number_after(text, key);
  if (!number || *number > UINT64_MAX / 1024) return std::nullopt;
  return *number * 1024;
}

}  // namespace

std::optional<ProcessStat> parse_stat(std::string_view text) {
  // A program's name may hold anything, also blanks, brackets and ends of lines.
  const auto open = text.find('('), close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return std::nullopt;
  }
  std::string_view before = text.substr(0, open);
  std::string_view rest = text.substr(close + 1);
  const auto pid = take_number<pid_t>(before);
  const std::string_view state = take_word(rest);
  if (!pid || *pid <= 0 || state.size() != 1) return std::nullopt;

  // Fields 4 to 24 of proc(5).
  constexpr int kFirst = 4, kLast = 24;
  std::array<std::int64_t, kLast - kFirst + 1> fields{};
  for (std::int64_t& field : fields) {
    const auto value = take_number<std::int64_t>(rest);
    if (!value) return std::nullopt;
    field = *value;
  }
  const auto field = [&](int number) { return fields[static_cast<std::size_t>(number - kFirst)]; };
  const auto count = [&](int number) {
    return static_cast<std::uint64_t>(field(number) < 0 ? 0 : field(number));
  };
  ProcessStat stat;
  stat.state = state.front();
  stat.pid = *pid;
  stat.parent = static_cast<pid_t>(field(4));
  stat.group = static_cast<pid_t>(field(5));
  stat.session = static_cast<pid_t>(field(6));
  stat.major_faults = count(12) + count(13);
  stat.user_ticks = count(14) + count(16);
  stat.system_ticks = count(15) + count(17);
  stat.threads = count(20);
  stat.started_ticks = count(22);
  stat.resident_pages = count(24);
  return stat;
}

std::optional<ProcessStatus> parse_status(std::string_view text) {
  const auto voluntary = number_after(text, "voluntary_ctxt_switches:");
  const auto involuntary = number_after(text, "nonvoluntary_ctxt_switches:");
  if (!voluntary || !involuntary) return std::nullopt;
  // A kernel without swap, and a zombie, have no such line.
  return ProcessStatus{*voluntary, *involuntary, kilobytes_after(text, "VmSwap:").value_or(0)};
}

std::optional<ProcessIo> parse_io(std::string_view text) {
  const auto read = number_after(text, "read_bytes:");
  const auto written = number_after(text, "write_bytes:");
  if (!read || !written) return std::nullopt;
  return ProcessIo{*read, *written};
}

std::optional<ProcessRollup> parse_rollup(std::string_view text) {
  const auto proportional = kilobytes_after(text, "Pss:");
  const auto dirty = kilobytes_after(text, "Private_Dirty:");
  if (!proportional || !dirty) return std::nullopt;
  return ProcessRollup{*proportional, *dirty};
}

std::int64_t count_fds(const Directory& process) {
  struct stat status {};
  if (::fstatat(process.fd(), "fd", &status, 0) != 0) return -errno;
  const int fd = ::openat(process.fd(), "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // Whether it may be read is known only by opening: its size is shown to everyone.
  if (fd < 0) return -errno;
  if (status.st_size > 0) {
    ::close(fd);
    return status.st_size;
  }
  DIR* directory = ::fdopendir(fd);
  if (directory == nullptr) {
    ::close(fd);
    return -ENOMEM;
  }
  std::int64_t count = 0;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] != '.') ++count;
  }
  ::closedir(directory);
  return count;
}

}  // namespace scanflow::collect
