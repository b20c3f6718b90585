// Looks at the files of a directory. Does bounded work: 50,000 files, 0.5 s.
#pragma once

#include <string>
#include <vector>

#include "plugins/triggers/file/arrivals.hpp"

namespace scanflow::triggers {

struct FilePlace {
  std::string directory;
  std::string pattern =
      "*";  // of names, as fnmatch(3) has it; a dot at the beginning is matched by a dot alone
};

/// "/data/in", "/data/in/*.csv". Throws std::invalid_argument: relative, or a pattern in the directory's part.
FilePlace place_of(const std::string& path);

struct Listing {
  bool is_missing = false;  // the directory
  bool is_alone = false;    // it is a file
  std::vector<FileEntry> files;
};

/// Regular files, and links to them: of these size and mtime are the target's, ctime is the later of both. A `directory`
/// that is a file is listed as that file. Throws std::runtime_error: what, where, why and the fix.
Listing list_files(const FilePlace& place);

}  // namespace scanflow::triggers
