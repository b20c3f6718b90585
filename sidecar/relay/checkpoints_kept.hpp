// What is known of one attempt's checkpoints. Private to checkpoints*.cpp.
#pragma once

#include <optional>

#include "sidecar/relay/checkpoints.hpp"

namespace scanflow::relay {

struct Checkpoints::Pass {
  Snapshot snapshot;
  std::size_t left = 1;
  bool changed = false;  // a file was written while it was sent
  std::string problem;
  std::set<bulk::Client::Number> transfers;
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
  BringingPtr bringing;  // null: all is there
  std::map<std::string, Known> known;
  Snapshot saved;                         // as the hub has it
  std::optional<Snapshot> seen;           // what is new
  std::int64_t seen_us = 0;               // since when something is
  std::int64_t look_us = 0, save_us = 0;  // not before
  bool hurried = false;
  int tries = 0;     // of snapshots that were outdated when they were sent
  std::string said;  // of what cannot be saved
  PassPtr pass;
  Done then;  // it ends
  bool ends = false;
  std::int64_t end_us = 0;  // at the latest
};

struct Checkpoints::Bringing {
  struct Wanted {
    std::string sha256;
    bool executable = false, own = true;
  };
  KeptPtr kept;
  Done then;
  std::size_t missing = 1;
  bool over = false;
  std::set<bulk::Client::Number> transfers;
  /// By their names: the attempt's own, then those of other ranks.
  std::vector<std::pair<std::string, std::filesystem::path>> manifests;
  std::map<std::string, Wanted> files;

  std::filesystem::path place() const { return kept->directory.string() + ".coming"; }
};

}  // namespace scanflow::relay
