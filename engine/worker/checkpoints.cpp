#include "engine/worker/checkpoints.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "sdk/base/files.hpp"

namespace scanflow::worker {
namespace fs = std::filesystem;

Result<void> make_checkpoint_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fail(describe_errno("cannot create the directory of checkpoints", path, errno));
}

bool has_checkpoints(const std::string& path) {
  std::error_code error;
  const bool empty = fs::is_empty(path, error);
  return !error && !empty;
}

std::string checkpoints_note(const std::string& path) {
  return "an earlier attempt has left checkpoints: " + path;
}

}  // namespace scanflow::worker
