// What the sidecar is told by its environment, read before anything is opened.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sdk/base/result.hpp"
#include "sidecar/link/dealer.hpp"

namespace scanflow::sidecar {

struct Config {
  link::DealerOptions hub;
  std::string pod_uid;
  std::string pod_name;         // what people call it
  std::string directory;        // absolute: the spool and the journal lie there
  std::string socket;           // absolute: where launchers connect
  bool socket_for_all = false;  // launchers of other users too, who see its directory
  std::string
      worker;  // absolute: where the Pod's worker listens; empty: the Pod is not the engine's
  std::map<std::string, std::string> secrets;  // variables of what the hub orders
  std::string bulk;  // where the hub takes and gives files, with the same keys; empty: nowhere
  std::string token_file;  // that says whose Pod this is; empty: its key does
  std::string admin;       // address and port; empty: none
  bool admin_shutdown = false;
  bool ends_alone = false;             // it ends when no launcher is there any more
  std::int64_t grace_us = 10'000'000;  // after SIGTERM, for what the hub does not have yet
  std::vector<std::string> volumes;    // absolute paths whose space is watched
  std::vector<std::string> rules;      // on every attempt, where it offers what they do
  bool gpu = false;
};

/// The value of a variable, or null.
using Lookup = std::function<const char*(const char* name)>;

/// All that is wrong, in one line each.
Result<Config> read_config(const Lookup& lookup);
/// For --help: the variables, what they say, and their defaults.
std::string config_help();

}  // namespace scanflow::sidecar
