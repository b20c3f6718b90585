// What is known of one attempt's checkpoints. Private to checkpoints*.cpp.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "sidecar/relay/checkpoints.hpp"

namespace scanflow::relay {

/// A snapshot on its way to the hub. Its files have names of their own here, so that they can be replaced or
/// removed meanwhile; a few are sent at a time.
struct Checkpoints::Pass {
  struct Pinned {
    std::filesystem::path path;
    SeenFile seen;
  };
  Snapshot snapshot;
  std::map<std::string, Pinned> waiting, sent;  // what is new
  std::set<bulk::Client::Number> transfers;
  bool torn = false;  // a file was written while it was sent
  std::string problem;
  std::int64_t began_us = 0;
};

struct Checkpoints::Kept {
  struct Known {
    SeenFile seen;
    std::string sha256;
    bool own = true;  // false: another rank has left it, and saves it
  };

  /// What was brought, with the attempt that it was for: beside the directory, for a later boot.
  std::filesystem::path note() const { return directory.string() + ".brought"; }

  Id id;
  std::filesystem::path directory;
  BringingPtr bringing;                   // null: all is there
  std::map<std::string, Known> known;     // what the hub has
  std::optional<Snapshot> saved;          // the last one there; none: it is not known
  std::optional<Snapshot> seen;           // what is new
  std::int64_t seen_us = 0;               // since when something is
  std::int64_t look_us = 0, save_us = 0;  // not before
  bool hurried = false;
  int torn = 0;                // passes in a row
  std::set<std::string> said;  // of what cannot be saved
  PassPtr pass;
  Done then;  // it ends
  bool ends = false;
  std::int64_t end_us = 0;  // at the latest
};

struct Checkpoints::Bringing {
  struct Wanted {
    std::string sha256;
    bool executable = false, link = false, own = true;
  };
  KeptPtr kept;
  Brought then;
  std::size_t missing = 1;
  bool over = false;
  std::set<bulk::Client::Number> transfers;
  /// By their names: the attempt's own, then those of other ranks.
  std::vector<std::pair<std::string, std::filesystem::path>> manifests;
  std::map<std::string, Wanted> files;

  std::filesystem::path place() const { return kept->directory.string() + ".coming"; }
};

/// Also one in which a directory cannot be written; what is left of it has another name.
void remove_checkpoints_at(const std::filesystem::path& directory);

}  // namespace scanflow::relay
