#include "engine/podman/process_limit.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "sdk/base/files.hpp"
#include "sdk/base/unique_fd.hpp"

namespace scanflow::podman {

Result<void> limit_processes(const std::string& cgroup, int version, std::uint64_t most,
                             const std::filesystem::path& root) {
  const std::filesystem::path directory =
      (version == 1 ? root / "pids" : root) / std::filesystem::path(cgroup).relative_path();
  std::error_code error;
  if (cgroup.empty() || !std::filesystem::exists(directory, error)) return {};
  const std::filesystem::path file = directory / "pids.max";
  const UniqueFd to(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(most);
  if (to && ::write(to.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()))
    return {};
  const int why = errno;
  if (why == ENODEV || !std::filesystem::exists(directory, error)) return {};  // it ended meanwhile
  return fail(describe_errno("cannot limit the processes of a container by", file, why));
}

}  // namespace scanflow::podman
