#include "engine/worker/slot.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "engine/worker/command_files.hpp"
#include "sdk/base/files.hpp"

namespace scanflow::worker {
namespace {

constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;

Result<UniqueFd> open_file(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode));
  if (!fd) return fail(describe_errno("cannot open", path, errno));
  return fd;
}

Result<void> overwrite(const std::string& path, std::string_view text) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kFileMode));
  if (!fd) return fail(describe_errno("cannot open", path, errno));
  while (!text.empty()) {
    const ssize_t n = ::write(fd.get(), text.data(), text.size());
    if (n < 0) return fail(describe_errno("cannot write", path, errno));
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

std::string read_from(int fd, std::uint64_t offset, std::size_t limit) {
  std::string text;
  std::array<char, 1 << 16> buffer;
  while (text.size() < limit) {
    const std::size_t want = std::min(buffer.size(), limit - text.size());
    const ssize_t n = ::pread(fd, buffer.data(), want, static_cast<off_t>(offset + text.size()));
    if (n <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return text;
}

}  // namespace

Slot::Slot(std::uint32_t number, std::string directory)
    : number_(number), directory_(std::move(directory)) {
  files_ = {directory_,
            directory_ + "/params.json",
            directory_ + "/output",
            directory_ + "/metrics",
            directory_ + "/artifacts",
            directory_ + "/scratch",
            directory_ + "/script",
            ""};
  artifacts_.path = files_.artifacts;
  scratch_.path = files_.scratch;
}

Result<std::unique_ptr<Slot>> Slot::create(std::uint32_t number, const std::string& directory) {
  std::error_code error;
  std::filesystem::remove_all(directory, error);
  std::filesystem::create_directories(directory, error);
  if (error) return fail("cannot create " + directory + ": " + error.message());
  std::unique_ptr<Slot> slot(new Slot(number, directory));
  if (auto opened = slot->open(); !opened) return fail(opened.error().message);
  return slot;
}

Result<void> Slot::open_directory(Directory& directory) {
  const char* path = directory.path.c_str();
  if (::mkdir(path, kDirectoryMode) != 0 && errno != EEXIST) {
    return fail(describe_errno("cannot create", path, errno));
  }
  directory.fd = UniqueFd(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // 1970: no later change, however soon, leaves it so (a clock's tick is up to 10 ms long).
  const std::array<timespec, 2> times{};
  if (!directory.fd || ::futimens(directory.fd.get(), times.data()) != 0) {
    return fail(describe_errno("cannot open", path, errno));
  }
  return {};
}

Result<void> Slot::open() {
  auto output = open_file(files_.output);
  if (!output) return fail(output.error().message);
  output_ = std::move(*output);
  auto metrics = open_file(files_.metrics);
  if (!metrics) return fail(metrics.error().message);
  metrics_ = std::move(*metrics);
  if (auto artifacts = open_directory(artifacts_); !artifacts) return artifacts;
  if (auto scratch = open_directory(scratch_); !scratch) return scratch;
  return write_params("{}");
}

Result<void> Slot::listen(Loop& loop, const std::string& path, ProgramSocket::Connected connected) {
  if (std::exchange(listened_, true)) return {};
  auto socket = ProgramSocket::listen(loop, path, std::move(connected));
  if (!socket) return fail(socket.error().message);
  socket_ = std::move(*socket);
  files_.socket = path;
  return {};
}

Result<void> Slot::write_params(std::string_view json) {
  // Almost no step has parameters, and "{}" is there already. Others are written each time: the
  // program of an earlier attempt may have changed the file.
  if (params_ == json && json == "{}") return {};
  auto written = overwrite(files_.params, json);
  if (written) params_ = json;
  return written;
}

Result<void> Slot::write_script(std::string_view text) {
  script_written_ = true;
  return overwrite(files_.script, text);
}

std::uint64_t Slot::refresh(UniqueFd& fd, const std::string& path) {
  struct stat info {};
  const auto look = [&] { return fd && ::fstat(fd.get(), &info) == 0; };
  if (!look() || info.st_nlink == 0) {
    auto again = open_file(path);
    if (!again) return 0;
    fd = std::move(*again);
    if (!look()) return 0;
  }
  return static_cast<std::uint64_t>(info.st_size);
}

std::string Slot::read_output() {
  if (refresh(output_, files_.output) == 0) return {};
  return read_from(output_.get(), 0, kMaxOutputBytes + 1);
}

std::string Slot::read_metrics(std::uint64_t& offset, bool last) {
  constexpr std::size_t kAtOnce = 1u << 20;
  const std::uint64_t size = refresh(metrics_, files_.metrics);
  if (size < offset) offset = 0;  // replaced or truncated by the program
  if (size == offset) return {};
  std::string text = read_from(metrics_.get(), offset, kAtOnce);
  if (!last || text.size() == kAtOnce) {
    const std::size_t end = text.rfind('\n');
    text.resize(end == std::string::npos ? 0 : end + 1);
  }
  offset += text.size();
  return text;
}

bool Slot::is_untouched(const Directory& directory) {
  struct stat info {};
  return ::fstat(directory.fd.get(), &info) == 0 && info.st_nlink > 0 && info.st_mtime == 0;
}

bool Slot::has_artifacts() { return !is_untouched(artifacts_); }

Result<void> Slot::take_artifacts(const std::string& destination) {
  if (::rename(files_.artifacts.c_str(), destination.c_str()) != 0) {
    return fail(describe_errno("cannot move the artifacts to", destination, errno));
  }
  return open_directory(artifacts_);
}

bool Slot::clean_directory(Directory& directory) {
  if (is_untouched(directory)) return true;
  std::error_code error;
  std::filesystem::remove_all(directory.path, error);
  return !error && open_directory(directory);
}

bool Slot::empty_file(UniqueFd& fd, const std::string& path) {
  return refresh(fd, path) == 0 ? static_cast<bool>(fd) : ::ftruncate(fd.get(), 0) == 0;
}

bool Slot::clean() {
  bool good = empty_file(output_, files_.output) && empty_file(metrics_, files_.metrics);
  good = clean_directory(artifacts_) && good;
  good = clean_directory(scratch_) && good;
  if (script_written_) ::unlink(files_.script.c_str());
  script_written_ = false;
  return good;
}

}  // namespace scanflow::worker
