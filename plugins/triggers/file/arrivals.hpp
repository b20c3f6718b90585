// Which files of a directory have arrived and are complete: each one once. What was seen is kept in a state of bounded size,
// however many files there are. Pure; times since 1970-01-01 UTC.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace scanflow::triggers {

struct FileEntry {
  std::string name;
  std::uint64_t bytes = 0;
  std::uint64_t inode = 0;
  std::int64_t modified_ns = 0;  // mtime: mv and rsync -t keep what it was elsewhere
  std::int64_t changed_ns =
      0;  // ctime: set by the file system at any change, a rename too; nobody can set it back
  std::int64_t born_ns = 0;  // btime; 0: this file system has none
};

struct ArrivalLaw {
  bool changes = false;  // a file that was there is told of again when its size or mtime is another
  bool existing = false;               // those of the first look are told of, too
  std::int64_t settle_us = 2'000'000;  // size and mtime are unchanged for so long: it is complete
  std::size_t most = 100;              // at a time
  std::size_t most_bytes = 128u << 10, bytes_each = 100;  // of names, each with so much around it
};

/// A file is its name, inode and birth: what takes the place of another (a rename over it) has arrived. Known ones are kept
/// as hashes of 48 bits, those that are gone too, for they may come back (a mount): kMostKnown of them. Of more
/// files than that, the longest unchanged are covered by a watermark of ctime, which is exact but for one thing: a file that is covered
/// and touched (chmod, another link) has arrived again.
class Arrivals {
 public:
  static constexpr std::size_t kMostKnown = 5000;
  static constexpr std::size_t kMostPending = 2000, kMostGroups = 200;

  /// Empty: never looked. Throws json::exception where it is not one of text().
  static Arrivals read(std::string_view text);
  std::string text() const;  // below 64 KiB

  /// The directory is not there: what comes with it will have arrived.
  void miss(std::int64_t now_us);
  /// All files that are there, in any order. Answers those that are complete, the longest unchanged first.
  std::vector<FileEntry> take(const ArrivalLaw& law, std::vector<FileEntry> present,
                              std::int64_t now_us);
  /// More are complete: look again at once.
  bool has_more() const { return has_more_; }
  /// When the directory was found missing, first since something arrived; 0: it was not.
  std::int64_t missing_since_us() const { return missing_since_us_; }

 private:
  struct Handled {
    std::int64_t changed_ns = 0;
    std::uint64_t hash = 0;
    std::size_t taken = 0;  // its place among those taken now, from 1; 0: it was known
  };
  struct Look;  // what one take finds
  void settle(const ArrivalLaw& law, const std::vector<FileEntry>& present, std::int64_t now_us,
              Look& look);
  bool wait(std::uint64_t key, std::int64_t since_us, Look& look) const;
  void remember(Look& look);

  bool looked_ = false, has_births_ = false, has_more_ = false;
  std::int64_t missing_since_us_ = 0;
  std::int64_t covered_ns_ = INT64_MIN;            // files up to this ctime are known
  std::vector<std::uint64_t> known_;               // the newest last
  std::map<std::uint64_t, std::int64_t> pending_;  // since when they are as they are
};

}  // namespace scanflow::triggers
