// What podman's commands print, read into types. Pure; made for podman 4.3 and later, and lenient with what is not
// there. Errors: text that is no such document.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::podman {

using Labels = std::map<std::string, std::string>;

struct Container {
  std::string id;
  std::string name;       // as in the manifest: "app"; of podman it is POD-app
  std::string full_name;  // podman's
  std::string status;     // created, initialized, running, paused, exited, stopped, ...
  int exit_code = 0;      // 128 + the signal's number where one ended it
  bool oom_killed = false;
  std::string error;             // podman's, of a container that it could not start
  std::int64_t started_us = 0;   // since 1970; 0: never
  std::int64_t finished_us = 0;  // 0: not yet

  bool over() const { return status == "exited" || status == "stopped"; }
  bool alive() const { return status == "running" || status == "paused"; }
};

struct Pod {
  std::string id, name;
  std::string status;  // Created, Running, Exited, Degraded (some have ended), Stopped, ...
  Labels labels;
  std::vector<Container> containers;  // not podman's own (infra)
  /// Of `pod inspect`: none of its containers runs, podman's own among them, and it has cleaned up.
  bool at_rest = false;
};

/// Of an event of one of our containers.
struct Event {
  enum class What { started, died, removed, other };
  What what = What::other;
  std::string container_id;
  std::string container;  // POD-app
  int exit_code = 0;      // of died
  std::int64_t time_us = 0;
  Labels labels;  // the Pod's
};

/// The Pod's id, and those of its containers in the manifest's order, of `kube play`.
struct Played {
  std::string pod_id;
  std::vector<std::string> container_ids;
  std::string unlimited;  // why their processes are without a limit; empty: they have one
};
Result<Played> read_played(std::string_view printed);

/// Of `pod inspect`: the Pod with ids, names and states of its containers.
Result<Pod> read_pod(std::string_view json);
/// Of `inspect --type container`, into the containers of `pod` that it tells of.
Result<void> read_containers(std::string_view json, Pod& pod);
/// Of `pod ps --format json`: ids, names, labels and states; no exit codes.
Result<std::vector<Pod>> read_pods(std::string_view json);
/// Of one line of `events --format json`; none: it is not of a container.
std::optional<Event> read_event(std::string_view line);

/// "2026-11-28T18:42:17.188Z": microseconds since 1970; 0 of what is no time, or before.
std::int64_t read_time(std::string_view text);
/// For `--since`.
std::string write_time(std::int64_t time_us);

}  // namespace scanflow::podman
