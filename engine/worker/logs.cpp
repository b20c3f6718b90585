#include "engine/worker/logs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "sdk/base/files.hpp"
#include "sdk/base/text.hpp"

namespace scanflow::worker {
namespace {

constexpr std::size_t kKept = 64;

}  // namespace

Result<Logs::Segment> Logs::open(const std::string& directory, const std::string& segment) {
  const std::string path = directory + "/" + segment;
  const auto found = std::find_if(recent_.begin(), recent_.end(),
                                  [&](const Entry& entry) { return entry.path == path; });
  if (found != recent_.end()) {
    struct stat info {};
    if (::fstat(found->fd.get(), &info) == 0 && info.st_nlink > 0) {
      recent_.splice(recent_.begin(), recent_, found);
      return Segment{recent_.front().fd.get(), static_cast<std::uint64_t>(info.st_size)};
    }
    recent_.erase(found);  // somebody removed the file
  }
  constexpr int kFlags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC;
  UniqueFd fd(::open(path.c_str(), kFlags, 0644));
  if (!fd && errno == ENOENT) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) return fail("cannot create " + directory + ": " + error.message());
    fd = UniqueFd(::open(path.c_str(), kFlags, 0644));
  }
  if (!fd) return fail(describe_errno("cannot open the log", path, errno));
  recent_.push_front({path, std::move(fd)});
  if (recent_.size() > kKept) recent_.pop_back();
  struct stat info {};
  const int opened = recent_.front().fd.get();
  return Segment{opened,
                 ::fstat(opened, &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0};
}

std::string last_line(std::string_view text) {
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos) return {};
  text = text.substr(0, end + 1);
  const std::size_t newline = text.rfind('\n');
  if (newline != std::string_view::npos) text.remove_prefix(newline + 1);
  constexpr std::size_t kShown = 200;
  return valid_utf8(std::string(cut_utf8(text, kShown)));
}

}  // namespace scanflow::worker
