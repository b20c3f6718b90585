// Artifacts by SHA-256, under STATE/artifacts: files in objects/ab/cdef..., directories as views in
// trees/ab/cdef.../ whose files are hard links to objects, each with its manifest in
// manifests/ab/cdef.... Read-only; written once; never changed. What is being made lies in tmp/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_set>
#include <vector>

#include "sdk/base/result.hpp"
#include "sdk/base/tree.hpp"

namespace scanflow::store {

struct Artifact {
  std::string sha256;  // of the file; of a directory: of its manifest (tree.hpp): a sorted line
                       // "sha256 bytes mode path\n" for each file
  std::filesystem::path path;  // absolute; what a step reads
  std::uint64_t bytes = 0;
  bool directory = false;
};

/// What a collection removed.
struct Garbage {
  std::uint64_t files = 0;        // objects
  std::uint64_t directories = 0;  // trees, each with its manifest
  std::uint64_t bytes = 0;        // that the disk has back
};

/// Files are 0444, or 0555 where the source was executable: those are objects of their own
/// (cdef....x), because hard links share one mode.
class Artifacts {
 public:
  /// `sync`: what put() took survives power loss too, once it has returned.
  explicit Artifacts(const std::filesystem::path& root, bool sync = false);

  /// Takes what lies at `source` (a file, or a directory of files) into the store. `source` stays,
  /// so that whoever crashes before it has noted what came of it can put it again; its owner removes
  /// it then, and writes to it no more: on the same file system its files become other names of the
  /// stored ones (read-only), else they are copied. What was there before wins. After an error, or a
  /// crash in the middle, nothing half is visible. Symbolic links and special files are refused, by
  /// name. [any-thread]
  Result<Artifact> put(const std::filesystem::path& source);

  /// put() of what is somebody else's, as a user's data: copies it, and alters nothing of it. A
  /// symbolic link at `source` is followed; it may lie in the store. [any-thread]
  Result<Artifact> put_copy(const std::filesystem::path& source);
  // What came in pieces: its digest was taken as it came.

  /// put() of a file whose digest is known.
  Result<Artifact> take_file(const std::filesystem::path& source, const std::string& sha256,
                             bool executable);
  /// The directory that a manifest describes (tree.hpp), whose files are in the store already.
  Result<Artifact> take_tree(const std::string& manifest);
  /// Where an object lies, or the manifest of a directory; an error where there is none.
  Result<std::filesystem::path> file_of(const std::string& sha256, bool executable) const;
  Result<std::filesystem::path> manifest_file_of(const std::string& sha256) const;

  /// What put() would make of it, but nothing is stored. [any-thread]
  Result<Artifact> identify(const std::filesystem::path& source) const;

  /// Is it there? Of a directory: with all of its files, of the size they had. (The bytes are
  /// verified by verify.) [any-thread]
  bool has(const std::string& sha256, bool directory) const;
  Result<Artifact> find(const std::string& sha256, bool directory) const;
  /// has(), and from now on as young as if it had been put now: what is about to be referred to
  /// again (a cached result) is no garbage meanwhile. [any-thread]
  bool touch(const std::string& sha256, bool directory) const;
  /// Reads all of it again and compares the digests; the error names the first file that differs.
  Result<void> verify(const Artifact& artifact) const;

  /// Removes what is not `referenced` (digests) and was put or touched for the last time before
  /// `older_than_us` (since 1970): that must lie further back than any put whose reference may not
  /// be committed yet. Beside others that put, touch and read, in any process; killed in the
  /// middle, all that stays is whole. [any-thread]
  Result<Garbage> remove_unreferenced(const std::unordered_set<std::string>& referenced,
                                      std::int64_t older_than_us) const;

  /// Removes what crashes left half done. Only for the one process that puts, before its first put.
  void remove_leftovers();

 private:
  enum class Take { names, copies };  // of files: others of the same, or copies

  Result<Artifact> put(const std::filesystem::path& source, Take take);
  Result<Artifact> put_file(const std::filesystem::path& source, Take take);
  Result<Artifact> put_directory(const std::filesystem::path& source, Take take);
  Result<void> build_tree(const std::vector<TreeFile>& files, const std::string& manifest,
                          const std::string& sha256) const;
  /// Puts the tree that lies whole in `workplace` in its place, unless one is there.
  Result<void> publish_tree(const std::filesystem::path& workplace, const std::string& manifest,
                            const std::string& sha256) const;
  /// Makes the object; links or copies `source`, which stays.
  Result<void> add_object(const std::filesystem::path& source, const TreeFile& file,
                          Take take) const;

  Result<void> remove_trees(const std::unordered_set<std::string>& referenced,
                            std::int64_t older_than_us, Garbage& garbage) const;
  Result<void> remove_tree(const std::string& sha256, std::int64_t older_than_us,
                           Garbage& garbage) const;
  Result<void> remove_object(const std::filesystem::path& path, std::int64_t older_than_us,
                             Garbage& garbage) const;

  std::filesystem::path place(const char* kind, const std::string& sha256) const;
  std::filesystem::path object(const std::string& sha256, bool executable) const;

  std::filesystem::path root_;
  bool sync_;
};

}  // namespace scanflow::store
