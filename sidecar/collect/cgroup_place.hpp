// Where the cgroup directories of a process lie, by the texts of /proc/PID/cgroup and
// /proc/PID/mountinfo (cgroups(7), cgroup_namespaces(7)). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace scanflow::collect {

/// One hierarchy: the directory is `point` + `below`.
struct CgroupPlace {
  std::string point;  // where it is mounted: as far up as can be seen
  std::string below;  // "" or "/a/b"
};

/// Both texts as seen by the same reader: paths are relative to its cgroup namespace, "/../x" is
/// beside it. Of each hierarchy the places where it may lie, first the one that shows most of the
/// way up; several, because mountinfo also lists mounts that later ones cover. Empty where no mount
/// shows the process's cgroup.
struct CgroupPlaces {
  std::vector<CgroupPlace> unified;  // v2, also of a hybrid
  std::vector<CgroupPlace> memory;   // v1 controllers
  std::vector<CgroupPlace> cpu;
  std::vector<CgroupPlace> cpuacct;
  bool any() const {
    return !unified.empty() || !memory.empty() || !cpu.empty() || !cpuacct.empty();
  }
};

CgroupPlaces places_of(std::string_view cgroups, std::string_view mounts);

}  // namespace scanflow::collect
