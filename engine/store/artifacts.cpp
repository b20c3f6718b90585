#include "engine/store/artifacts.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "engine/store/digest_file.hpp"
#include "engine/store/garbage_lock.hpp"
#include "sdk/base/digest.hpp"
#include "sdk/base/files.hpp"

namespace scanflow::store {

namespace fs = std::filesystem;

namespace {

Result<void> make_directories(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return fail(fmt::format("cannot make {}: {}", path.string(), error.message()));
  return {};
}

/// A directory of our own under `parent`; removed with all that is left in it.
class Workplace {
 public:
  static Result<Workplace> make(const fs::path& parent) {
    if (auto made = make_directories(parent); !made) return tl::unexpected(made.error());
    std::string name = (parent / "put-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      return fail(describe_errno("cannot make", name, errno));
    }
    Workplace workplace;
    workplace.path_ = name;
    return workplace;
  }
  Workplace(Workplace&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Workplace& operator=(Workplace&&) = delete;
  ~Workplace() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  Workplace() = default;
  fs::path path_;
};

Result<void> sync_path(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail(describe_errno("cannot open", path, errno));
  const int error = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  if (error != 0) return fail(describe_errno("cannot sync", path, error));
  return {};
}

bool is_regular(const fs::path& path, std::uint64_t* bytes) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  *bytes = static_cast<std::uint64_t>(status.st_size);
  return true;
}

/// Its age counts from now on. False: it is not there.
bool make_young(const fs::path& path) {
  return ::utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW) == 0;
}

mode_t mode_of(const TreeFile& file) { return file.executable ? 0555 : 0444; }

/// Copies into a new file; its digest must be the one that was taken before.
Result<void> copy_file(const fs::path& source, const fs::path& target, const TreeFile& file) {
  const int descriptor =
      ::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_of(file));
  if (descriptor < 0) return fail(describe_errno("cannot create", target, errno));
  const auto digest = digest_file(source, descriptor);
  // Whatever the umask took away.
  int error = ::fchmod(descriptor, mode_of(file)) == 0 ? 0 : errno;
  struct stat status {};
  const bool whole =
      ::fstat(descriptor, &status) == 0 && static_cast<std::uint64_t>(status.st_size) == file.bytes;
  if (::close(descriptor) != 0 && error == 0) error = errno;
  if (!digest) return tl::unexpected(digest.error());
  if (error != 0) return fail(describe_errno("cannot write", target, error));
  if (*digest != file.sha256 || !whole) {
    return fail(fmt::format(
        "cannot store {}: it changes while it is read; whatever writes it must have closed it",
        source.string()));
  }
  return {};
}

std::uint64_t total_bytes(const std::vector<TreeFile>& files) {
  std::uint64_t bytes = 0;
  for (const TreeFile& file : files) bytes += file.bytes;
  return bytes;
}

}  // namespace

Artifacts::Artifacts(const fs::path& root, bool sync) : root_(fs::absolute(root)), sync_(sync) {}

fs::path Artifacts::place(const char* kind, const std::string& sha256) const {
  return root_ / kind / sha256.substr(0, 2) / sha256.substr(2);
}

fs::path Artifacts::object(const std::string& sha256, bool executable) const {
  fs::path path = place("objects", sha256);
  if (executable) path += ".x";
  return path;
}

Result<Artifact> Artifacts::put(const fs::path& source) {
  if (auto made = make_directories(root_); !made) return tl::unexpected(made.error());
  std::error_code error;
  const auto inside = fs::canonical(source, error).lexically_relative(fs::canonical(root_, error));
  if (!error && !inside.empty() && *inside.begin() != "..") {
    return fail(
        fmt::format("cannot store {}: it lies in the artifact store already; hand the "
                    "artifact on by its name",
                    source.string()));
  }
  return put(source, Take::names);
}

Result<Artifact> Artifacts::put_copy(const fs::path& source) {
  std::error_code error;
  const fs::path real = fs::canonical(source, error);
  if (error) return fail(fmt::format("cannot store {}: {}", source.string(), error.message()));
  if (auto made = make_directories(root_); !made) return tl::unexpected(made.error());
  return put(real, Take::copies);
}

Result<Artifact> Artifacts::put(const fs::path& source, Take take) {
  struct stat status {};
  if (::lstat(source.c_str(), &status) != 0) {
    return fail(describe_errno("cannot store", source, errno));
  }
  if (S_ISDIR(status.st_mode)) return put_directory(source, take);
  if (S_ISREG(status.st_mode)) return put_file(source, take);
  return fail(fmt::format("cannot store {}: it is {}", source.string(),
                          S_ISLNK(status.st_mode)
                              ? "a symbolic link; write the file itself in its place"
                              : "neither a file nor a directory (a socket, pipe or device)"));
}

namespace {

Result<TreeFile> digested_file(const fs::path& source) {
  struct stat status {};
  if (::lstat(source.c_str(), &status) != 0) {
    return fail(describe_errno("cannot store", source, errno));
  }
  TreeFile file;
  file.bytes = static_cast<std::uint64_t>(status.st_size);
  file.executable = (status.st_mode & 0111) != 0;
  auto digest = digest_file(source);
  if (!digest) return tl::unexpected(digest.error());
  file.sha256 = std::move(*digest);
  return file;
}

Result<std::vector<TreeFile>> digested_tree(const fs::path& source) {
  auto files = list_tree(source);
  if (!files) return files;
  for (TreeFile& file : *files) {
    if (file.empty_directory) continue;
    auto digest = digest_file(source / file.path);
    if (!digest) return tl::unexpected(digest.error());
    file.sha256 = std::move(*digest);
  }
  return files;
}

}  // namespace

Result<Artifact> Artifacts::identify(const fs::path& source) const {
  std::error_code error;
  const fs::path real = fs::canonical(source, error);
  if (error) return fail(fmt::format("cannot read {}: {}", source.string(), error.message()));
  if (!fs::is_directory(real, error)) {
    const auto file = digested_file(real);
    if (!file) return tl::unexpected(file.error());
    return Artifact{file->sha256, object(file->sha256, file->executable), file->bytes, false};
  }
  const auto files = digested_tree(real);
  if (!files) return tl::unexpected(files.error());
  const std::string sha256 = sha256_hex(manifest_of(*files));
  return Artifact{sha256, place("trees", sha256), total_bytes(*files), true};
}

Result<Artifact> Artifacts::put_file(const fs::path& source, Take take) {
  const auto file = digested_file(source);
  if (!file) return tl::unexpected(file.error());
  if (auto added = add_object(source, *file, take); !added) return tl::unexpected(added.error());
  return Artifact{file->sha256, object(file->sha256, file->executable), file->bytes, false};
}

Result<Artifact> Artifacts::take_file(const fs::path& source, const std::string& sha256,
                                      bool executable) {
  if (auto made = make_directories(root_); !made) return tl::unexpected(made.error());
  TreeFile file{.sha256 = sha256, .executable = executable};
  if (!is_regular(source, &file.bytes)) return fail(source.string() + " is no file");
  if (auto added = add_object(source, file, Take::names); !added)
    return tl::unexpected(added.error());
  return Artifact{sha256, object(sha256, executable), file.bytes, false};
}

Result<Artifact> Artifacts::take_tree(const std::string& manifest) {
  const auto files = parse_manifest(manifest);
  if (!files) return tl::unexpected(files.error());
  const std::string sha256 = sha256_hex(manifest);
  if (!touch(sha256, true)) {
    if (auto built = build_tree(*files, manifest, sha256); !built)
      return tl::unexpected(built.error());
  }
  return Artifact{sha256, place("trees", sha256), total_bytes(*files), true};
}

Result<fs::path> Artifacts::file_of(const std::string& sha256, bool executable) const {
  std::uint64_t bytes = 0;
  if (!is_sha256(sha256)) return fail(fmt::format("'{}' is no SHA-256", sha256));
  fs::path path = object(sha256, executable);
  if (!is_regular(path, &bytes)) return fail(path.string() + " is not in the store");
  return path;
}

Result<fs::path> Artifacts::manifest_file_of(const std::string& sha256) const {
  std::uint64_t bytes = 0;
  if (!is_sha256(sha256)) return fail(fmt::format("'{}' is no SHA-256", sha256));
  fs::path path = place("manifests", sha256);
  if (!is_regular(path, &bytes)) return fail(path.string() + " is not in the store");
  return path;
}

Result<void> Artifacts::add_object(const fs::path& source, const TreeFile& file, Take take) const {
  const fs::path target = object(file.sha256, file.executable);
  std::uint64_t bytes = 0;
  if (is_regular(target, &bytes)) {
    if (bytes != file.bytes) {
      ::unlink(target.c_str());  // damaged: it makes room for the whole one
    } else {
      const auto lock = GarbageLock::shared(root_);
      if (!lock) return tl::unexpected(lock.error());
      if (make_young(target)) return {};
    }
  }
  if (auto made = make_directories(target.parent_path()); !made) return made;

  // A file with other names could be changed through them: such a one is copied.
  struct stat status {};
  int error = EXDEV;
  if (take == Take::names && ::lstat(source.c_str(), &status) == 0 && status.st_nlink == 1 &&
      ::chmod(source.c_str(), mode_of(file)) == 0 && make_young(source)) {
    if (sync_) {
      if (auto synced = sync_path(source); !synced) return synced;
    }
    error = ::link(source.c_str(), target.c_str()) == 0 ? 0 : errno;
  }
  if (error == EEXIST) return {};  // another thread was faster
  if (error == EXDEV || error == EPERM || error == EMLINK || error == ENOTSUP) {
    auto workplace = Workplace::make(root_ / "tmp");
    if (!workplace) return tl::unexpected(workplace.error());
    const fs::path copy = workplace->path() / "object";
    auto copied = copy_file(source, copy, file);
    if (copied && sync_) copied = sync_path(copy);
    if (!copied) return copied;
    error = ::rename(copy.c_str(), target.c_str()) == 0 ? 0 : errno;
  }
  if (error != 0) return fail(describe_errno("cannot store", target, error));
  if (sync_) return sync_path(target.parent_path());
  return {};
}

Result<Artifact> Artifacts::put_directory(const fs::path& source, Take take) {
  const auto files = digested_tree(source);
  if (!files) return tl::unexpected(files.error());
  const std::string manifest = manifest_of(*files);
  const std::string sha256 = sha256_hex(manifest);
  if (!touch(sha256, true)) {
    for (const TreeFile& file : *files) {
      if (file.empty_directory) continue;
      if (auto added = add_object(source / file.path, file, take); !added) {
        return tl::unexpected(added.error());
      }
    }
    if (auto built = build_tree(*files, manifest, sha256); !built) {
      return tl::unexpected(built.error());
    }
  }
  return Artifact{sha256, place("trees", sha256), total_bytes(*files), true};
}

Result<void> Artifacts::build_tree(const std::vector<TreeFile>& files, const std::string& manifest,
                                   const std::string& sha256) const {
  auto workplace = Workplace::make(root_ / "tmp");
  if (!workplace) return tl::unexpected(workplace.error());
  const fs::path tree = workplace->path() / "tree";
  if (auto made = make_directories(tree); !made) return made;
  for (const TreeFile& file : files) {
    const fs::path path = tree / file.path;
    const fs::path& directory = file.empty_directory ? path : path.parent_path();
    if (auto made = make_directories(directory); !made) return made;
    if (file.empty_directory) continue;
    const fs::path from = object(file.sha256, file.executable);
    if (::link(from.c_str(), path.c_str()) == 0) continue;
    // 65,000 names are the most that ext4 gives one file.
    if (errno != EMLINK) return fail(describe_errno("cannot link", path, errno));
    if (auto copied = copy_file(from, path, file); !copied) return copied;
  }

  auto published = publish_tree(workplace->path(), manifest, sha256);
  if (!published || !sync_) return published;
  const fs::path manifest_path = place("manifests", sha256);
  const fs::path place_of_tree = place("trees", sha256);
  for (const fs::path& path :
       {manifest_path, manifest_path.parent_path(), place_of_tree, place_of_tree.parent_path()}) {
    if (auto synced = sync_path(path); !synced) return synced;
  }
  return {};
}

Result<void> Artifacts::publish_tree(const fs::path& workplace, const std::string& manifest,
                                     const std::string& sha256) const {
  const fs::path tree = workplace / "tree";
  const fs::path manifest_path = place("manifests", sha256);
  const fs::path place_of_tree = place("trees", sha256);
  for (const fs::path& path : {manifest_path, place_of_tree}) {
    if (auto made = make_directories(path.parent_path()); !made) return made;
  }
  const auto lock = GarbageLock::shared(root_);
  if (!lock) return tl::unexpected(lock.error());
  // The manifest first: a tree without one does not count.
  if (auto written = write_file_atomically(manifest_path, manifest); !written) return written;
  if (::rename(tree.c_str(), place_of_tree.c_str()) == 0) return {};
  if (errno != ENOTEMPTY && errno != EEXIST) {
    return fail(describe_errno("cannot store", place_of_tree, errno));
  }
  if (has(sha256, true)) return {};  // another thread was faster
  // What is there was damaged: it makes room for the whole one.
  const fs::path damaged = workplace / "damaged";
  if (::rename(place_of_tree.c_str(), damaged.c_str()) != 0 ||
      ::rename(tree.c_str(), place_of_tree.c_str()) != 0) {
    return fail(describe_errno("cannot replace", place_of_tree, errno));
  }
  return {};
}

bool Artifacts::has(const std::string& sha256, bool directory) const {
  return find(sha256, directory).has_value();
}

Result<Artifact> Artifacts::find(const std::string& sha256, bool directory) const {
  if (!is_sha256(sha256)) return fail(fmt::format("'{}' is no SHA-256", sha256));
  const auto missing = [&](const std::string& what) {
    return fail(fmt::format("artifact {} is not in the store: {} is missing", sha256, what));
  };
  if (!directory) {
    for (const bool executable : {false, true}) {
      const fs::path path = object(sha256, executable);
      std::uint64_t bytes = 0;
      if (is_regular(path, &bytes)) return Artifact{sha256, path, bytes, false};
    }
    return missing(object(sha256, false).string());
  }
  const auto manifest = read_file(place("manifests", sha256));
  if (!manifest) return missing(place("manifests", sha256).string());
  const auto files = parse_manifest(*manifest);
  if (!files) return tl::unexpected(files.error());
  const fs::path tree = place("trees", sha256);
  struct stat status {};
  if (::lstat(tree.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return missing(tree.string());
  }
  for (const TreeFile& file : *files) {
    std::uint64_t bytes = 0;
    if (file.empty_directory) continue;
    if (!is_regular(tree / file.path, &bytes)) return missing((tree / file.path).string());
    if (bytes != file.bytes) {
      return fail(fmt::format("artifact {} is damaged: {} has {} bytes, not {}", sha256,
                              (tree / file.path).string(), bytes, file.bytes));
    }
  }
  return Artifact{sha256, tree, total_bytes(*files), true};
}

bool Artifacts::touch(const std::string& sha256, bool directory) const {
  if (!is_sha256(sha256)) return false;
  {
    const auto lock = GarbageLock::shared(root_);
    if (!lock) return false;
    if (directory) {
      make_young(place("manifests", sha256));
    } else {
      make_young(object(sha256, false));
      make_young(object(sha256, true));
    }
  }
  return has(sha256, directory);
}

Result<void> Artifacts::verify(const Artifact& artifact) const {
  const auto found = find(artifact.sha256, artifact.directory);
  if (!found) return tl::unexpected(found.error());
  std::vector<TreeFile> expected{{.sha256 = artifact.sha256, .bytes = found->bytes}};
  if (artifact.directory) {
    const auto manifest = read_file(place("manifests", artifact.sha256));
    if (!manifest) return tl::unexpected(manifest.error());
    if (sha256_hex(*manifest) != artifact.sha256) {
      return fail(fmt::format("artifact {} is damaged: its manifest was changed", artifact.sha256));
    }
    auto files = parse_manifest(*manifest);
    if (!files) return tl::unexpected(files.error());
    expected = std::move(*files);
  }
  for (const TreeFile& file : expected) {
    if (file.empty_directory) continue;
    const fs::path path = file.path.empty() ? found->path : found->path / file.path;
    const auto digest = digest_file(path);
    if (!digest) return tl::unexpected(digest.error());
    if (*digest != file.sha256) {
      return fail(fmt::format("artifact {} is damaged: {} has SHA-256 {}, not {}", artifact.sha256,
                              path.string(), *digest, file.sha256));
    }
  }
  return {};
}

void Artifacts::remove_leftovers() {
  std::error_code ignored;
  fs::remove_all(root_ / "tmp", ignored);
}

}  // namespace scanflow::store
