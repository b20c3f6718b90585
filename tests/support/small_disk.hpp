// A disk that can be full or read-only.
#pragma once

#include <sys/mount.h>

#include <filesystem>
#include <string>

#include "tests/support/temp_dir.hpp"

namespace scanflow::test {

/// A file system in memory of the given size ("1m"). Needs the right to mount: see mounted().
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& size)
      : mounted_(::mount("tmpfs", directory_.path().c_str(), "tmpfs", 0,
                         ("size=" + size).c_str()) == 0) {}
  ~SmallDisk() {
    if (mounted_) ::umount2(directory_.path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  const std::filesystem::path& path() const { return directory_.path(); }
  /// Changes the mount's flags (MS_RDONLY) or options ("size=4m").
  bool remount(unsigned long flags, const std::string& options) const {
    return ::mount("tmpfs", path().c_str(), "tmpfs", MS_REMOUNT | flags, options.c_str()) == 0;
  }

 private:
  TempDir directory_;
  bool mounted_;
};

}  // namespace scanflow::test
